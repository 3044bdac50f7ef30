/** The settings that say whose tokens are believed, and which pages may bring them. */
import { Type, type TArray, type TOptional, type TString } from 'typebox'
import { isOrigin, isUrl } from './addresses.js'
import { usablePublicKey } from './public-key.js'
import { secretFlaw, secretTakes } from './secret-quality.js'
import { duration, list, maxDurationMs, oneOf, text } from './setting.js'

const isSecret = (value: string): boolean => secretFlaw(value) === undefined
const secret = {
  description: "Signs tickets, the tokens of producers and admins, and, as HS256 key, users' tokens where the site has no key of its own. The same on every Gate and node.",
  valueName: 'TEXT',
  isSecret: true,
  takes: secretTakes,
  flawOf: secretFlaw,
  accepts: isSecret
}
export const requiredSecret = text({ ...secret, defaultText: 'none; required' })
export const upSecret = Type.Optional(text({ ...secret, defaultText: 'made once and kept in the data folder' }))
export const tokenSecret = Type.Optional(text({ ...secret, defaultText: 'the one that `gatepost up` keeps in the data folder' }))
export const benchSecret = Type.Optional(text({ ...secret, defaultText: 'made for the servers that it starts' }))

export const GATEPOST_SECRET_ACCEPT = Type.Optional(list(Type.Refine(Type.String(), isSecret), {
  description: 'Further secrets that verify tickets and tokens but never sign; none of them may contain a comma. To change GATEPOST_SECRET without an interruption: accept the new one everywhere, then sign with it and accept the old one, then drop the old one.',
  valueName: 'TEXTS',
  isSecret: true,
  defaultText: 'none',
  takes: `at most 10 secrets, comma separated, each ${secretTakes}`,
  flawOf: texts => texts.split(',').map(one => secretFlaw(one.trim())).find(flaw => flaw !== undefined),
  maxItems: 10
}))

const GATEPOST_AUTH_SECRET = Type.Optional(text({
  description: "The site signs its users' tokens with this, HS256. At most one of GATEPOST_AUTH_SECRET, GATEPOST_AUTH_PUBLIC_KEY and GATEPOST_AUTH_JWKS_URL may be set.",
  valueName: 'TEXT',
  isSecret: true,
  defaultText: 'GATEPOST_SECRET',
  takes: secretTakes,
  flawOf: secretFlaw,
  accepts: isSecret
}))
const GATEPOST_AUTH_PUBLIC_KEY = Type.Optional(text({
  description: "The public key of what the site signs its users' tokens with: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA or Ed25519.",
  valueName: 'PEM',
  // A private key given by mistake must not end in a log.
  isSecret: true,
  defaultText: 'none',
  takes: 'the PEM text of a public key, RSA of 2048 bits or more, EC P-256, P-384 or P-521, or Ed25519, its lines ended by newlines or by \\n',
  accepts: value => usablePublicKey(value) !== undefined
}))
const GATEPOST_AUTH_JWKS_URL = Type.Optional(text({
  description: "Where the site publishes the keys that sign its users' tokens, as a JWK set (not the discovery document, whose `jwks_uri` it is). The algorithms are those of GATEPOST_AUTH_PUBLIC_KEY.",
  valueName: 'URL',
  hasCredentials: true,
  defaultText: 'none',
  takes: 'an http or https address',
  accepts: value => isUrl(value, ['http:', 'https:'])
}))

const words = (options: { description: string, valueName: string, takes: string }): TOptional<TArray<TString>> =>
  Type.Optional(list(Type.String({ minLength: 1, maxLength: 1_000 }), { defaultText: 'none', maxItems: 100, ...options }))

/** What a user's token must carry, and what its groups do. */
export const tokenRules = {
  GATEPOST_AUTH_AUDIENCE: words({
    description: "A user's token must have been made for one of these: its `aud` names it. Set it wherever other applications have tokens of the same issuer.",
    valueName: 'NAMES',
    takes: 'texts, comma separated'
  }),
  GATEPOST_AUTH_ISSUER: words({
    description: "A user's token must come from one of these: its `iss` is exactly that text, with the slash at its end where it has one.",
    valueName: 'ISSUERS',
    takes: 'texts, comma separated'
  }),
  GATEPOST_AUTH_TYP: words({
    description: "The `typ` in the header of a user's token must be one of these, in upper or lower case; a missing one counts as `JWT`.",
    valueName: 'TYPES',
    takes: 'texts such as JWT or at+jwt, comma separated'
  }),
  GATEPOST_AUTH_MAX_LIFE: Type.Optional(duration({
    description: "How long a user's token may be good, from its `iat` to its `exp`; one that is good for longer, or has no `iat`, is refused.",
    valueName: 'DURATION',
    minimum: 1_000,
    maximum: maxDurationMs,
    defaultText: 'none: as long as it says'
  })),
  GATEPOST_AUTH_GROUPS_CLAIM: text({
    description: "The claim of a user's token that names the user's groups; `none` = there is no such claim.",
    valueName: 'CLAIM',
    default: 'groups',
    takes: 'the name of a claim, or none'
  }),
  GATEPOST_AUTH_GROUPS: oneOf(['add', 'replace'], {
    description: 'What that claim does. `add`: the user joins these groups. `replace`: and leaves those that an earlier token brought and this one does not name. The same on every Gate and node.',
    valueName: 'WAY',
    default: 'add'
  })
}
export const auth = { GATEPOST_AUTH_SECRET, GATEPOST_AUTH_PUBLIC_KEY, GATEPOST_AUTH_JWKS_URL, ...tokenRules }

export const GATEPOST_ORIGINS = list(Type.Refine(Type.String(), value => value === '*' || isOrigin(value)), {
  description: 'The web pages that may call Gate and nodes (CORS) and open sockets, by their origins; `*` = all. Programs that are no browsers are not asked.',
  valueName: 'ORIGINS',
  default: ['*'],
  takes: 'addresses without a path, such as https://www.example.com, comma separated, or *',
  maxItems: 1_000
})
