/** Branded identifiers, and the one rule for every name that a user, a producer or a site chooses. */

declare const brand: unique symbol
type Branded<T, B extends string> = T & { readonly [brand]: B }

export type UserId = Branded<string, 'UserId'>
export type GroupId = Branded<string, 'GroupId'>
export type NodeId = Branded<string, 'NodeId'>
/** A message's id: 11 base-36 digits of logical time, then a random part and the kind of stream (see clock.ts). */
export type MessageId = Branded<string, 'MessageId'>
/** `u:USER`, `g:GROUP`, `all`; never shown to a reader: `n:NODE` (a node's own log) and `r:all` (revocations). */
export type StreamId = Branded<string, 'StreamId'>

const maxNameCodePoints = 128
/** As long as OpenID Connect lets a `sub` be. */
const maxUserNameCodePoints = 255

/** 1 to 128 code points, well-formed, no control character (Cc): what docs/protocol.md calls a name. */
export const isName = (value: unknown): value is string => isText(value, maxNameCodePoints)
/** The same with up to 255 code points: a user, a producer or an admin. */
export const isUserName = (value: unknown): value is string => isText(value, maxUserNameCodePoints)

/** What the two take, in words. */
export const nameTakes = 'a name: 1 to 128 Unicode characters, none of them a control character'
export const userNameTakes = 'a name: 1 to 255 Unicode characters, none of them a control character'

/** 1 to so many code points, well-formed, no control character. */
export function isText (value: unknown, maxCodePoints: number): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > 2 * maxCodePoints) return false
  if (/\p{Cc}/u.test(value) || !value.isWellFormed()) return false
  return value.length <= maxCodePoints || [...value].length <= maxCodePoints
}

export const allStream = 'all' as StreamId
export const userStream = (user: string): StreamId => `u:${user}` as StreamId
export const groupStream = (group: string): StreamId => `g:${group}` as StreamId
export const revocationStream = 'r:all' as StreamId
export const nodeLogStream = (node: string): StreamId => `n:${node}` as StreamId

/** What a reader-visible stream belongs to; undefined for text that is no such stream. */
export function parseStream (text: string): { kind: 'user' | 'group', name: string } | { kind: 'all' } | undefined {
  if (text === allStream) return { kind: 'all' }
  const name = text.slice(2)
  if (text.startsWith('u:') && isUserName(name)) return { kind: 'user', name }
  if (text.startsWith('g:') && isName(name)) return { kind: 'group', name }
  return undefined
}
