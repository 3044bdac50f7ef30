/** The settings as the services take them: parsed, checked, frozen, units in names. */
import type { LogLevel } from '../log.js'

/** How the site signs its users' tokens; without a setting of its own, as HS256 with GATEPOST_SECRET. */
export type AuthSettings =
  | { readonly kind: 'secret', readonly secret: string }
  /** PEM (SPKI) of an RSA, EC P-256 or Ed25519 key. */
  | { readonly kind: 'public-key', readonly publicKey: string }
  | { readonly kind: 'jwks', readonly url: string }

interface ListenSettings {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
}

export interface GateSettings extends ListenSettings {
  readonly secret: string
  readonly auth: AuthSettings
  readonly natsUrl: string
  readonly natsCreds: string | undefined
  readonly natsPrefix: string
  readonly busUnsigned: 'accept' | 'refuse'
  readonly isDemo: boolean
  /** Messages a minute for each producer. */
  readonly rateProducerPerMinute: number | undefined
  readonly drainMs: number
  readonly logLevel: LogLevel
}

export interface NodeSettings extends Omit<ListenSettings, 'port'> {
  /** Undefined: the first free one from 9101. */
  readonly port: number | undefined
  readonly publicUrl: string | undefined
  readonly nodeId: string | undefined
  readonly nodeWeight: number
  readonly secret: string
  readonly auth: AuthSettings
  readonly natsUrl: string
  readonly natsCreds: string | undefined
  readonly natsPrefix: string
  readonly busUnsigned: 'accept' | 'refuse'
  readonly mongodbUrl: string
  readonly isDemo: boolean
  readonly retentionMs: number
  readonly drainMs: number
  /** Messages a minute for each user. */
  readonly rateUserPerMinute: number | undefined
  readonly logLevel: LogLevel
}

export interface UpSettings extends ListenSettings {
  /** How many Notifications nodes. */
  readonly nodes: number
  readonly publicUrl: string | undefined
  readonly nodeId: string | undefined
  readonly nodeWeight: number
  /** Undefined: made once and kept in the data folder. */
  readonly secret: string | undefined
  /** Undefined: HS256 with the secret. */
  readonly auth: AuthSettings | undefined
  /** Undefined: in-process dispatch. */
  readonly natsUrl: string | undefined
  readonly natsCreds: string | undefined
  readonly natsPrefix: string
  readonly busUnsigned: 'accept' | 'refuse'
  /** Undefined: the embedded store. */
  readonly mongodbUrl: string | undefined
  readonly dataDir: string
  readonly isDemo: boolean
  readonly retentionMs: number
  readonly drainMs: number
  readonly rateUserPerMinute: number | undefined
  readonly rateProducerPerMinute: number | undefined
  readonly logLevel: LogLevel
}

export type TokenScope = 'user' | 'producer' | 'admin'

export interface TokenSettings {
  /** Undefined: the one that `gatepost up` keeps in the data folder. */
  readonly secret: string | undefined
  readonly dataDir: string
  readonly sub: string
  readonly scopes: readonly TokenScope[]
  readonly groups: readonly string[]
  readonly ttlMs: number
}

export interface BenchSettings {
  /** Undefined: it starts one of its own. */
  readonly gate: string | undefined
  readonly nodes: number
  readonly clients: number
  readonly connectsPerSecond: number
  /** 0 = as fast as they are taken. */
  readonly messagesPerSecond: number
  readonly durationMs: number
  readonly to: 'user' | 'group' | 'all'
  readonly via: 'rest' | 'batch' | 'socket'
  readonly batch: number
  readonly inFlight: number
  readonly bodyBytes: number
  /** The path of a file; undefined: tokens are signed with the secret. */
  readonly tokensFile: string | undefined
  readonly group: string
  readonly serverPids: readonly number[]
  readonly isJson: boolean
  readonly secret: string | undefined
}

/** What `doctor` looks at: anything may be unset. */
export interface DoctorSettings {
  readonly secret: string | undefined
  readonly auth: AuthSettings | undefined
  readonly natsUrl: string | undefined
  readonly natsCreds: string | undefined
  readonly natsPrefix: string
  readonly busUnsigned: 'accept' | 'refuse'
  readonly mongodbUrl: string | undefined
  readonly dataDir: string
  readonly logLevel: LogLevel
}
