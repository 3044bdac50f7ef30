/**
 * How a sender is shown beside its id: a user as the token's claims `name` and `picture` say (those of OpenID Connect's scope `profile`),
 * a producer as its message does.
 */
import { Type } from 'typebox'
import { isLabel, isLink, Label, Link } from './shown-text.js'

export interface Profile {
  readonly name: string | null
  readonly picture: string | null
}

/** As a producer sends it. */
export const SenderProfile = Type.Object({ name: Type.Optional(Label), picture: Type.Optional(Link) }, { additionalProperties: false, description: '{name?, picture?}' })

/** Undefined where neither is given. */
export const toProfile = (name: string | undefined, picture: string | undefined): Profile | undefined =>
  name === undefined && picture === undefined ? undefined : { name: name ?? null, picture: picture ?? null }

/** The claims are an OpenID provider's: what is no name or no link here is passed over. */
export const readProfile = ({ name, picture }: { readonly name?: unknown, readonly picture?: unknown }): Profile | undefined =>
  toProfile(isLabel(name) ? name : undefined, isLink(picture) ? picture : undefined)
