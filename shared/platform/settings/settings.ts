/** The settings as the services take them: parsed, checked, frozen, units in names. */
import type { LogLevel } from '../log-levels.js'

/** What the site signs its users' tokens with; without a setting of its own, GATEPOST_SECRET as HS256 key. */
export type AuthKey =
  | { readonly kind: 'secret', readonly secret: string }
  /** PEM (SPKI). */
  | { readonly kind: 'public-key', readonly publicKey: string }
  | { readonly kind: 'jwks', readonly url: string }

/** What a user's token must carry beside a signature, and what its groups do. An empty list asks for nothing. */
export interface TokenRules {
  readonly audiences: readonly string[]
  readonly issuers: readonly string[]
  /** As `plainType` has them. */
  readonly types: readonly string[]
  /** From `iat` to `exp`; undefined: as long as it says. */
  readonly maxLifeMs?: number | undefined
  /** Undefined: no claim names groups. */
  readonly groupsClaim: string | undefined
  readonly groups: 'add' | 'replace'
}

export const noRules: TokenRules = { audiences: [], issuers: [], types: [], groupsClaim: 'groups', groups: 'add' }

/** A media type as headers of tokens name it (RFC 7515, 4.1.9): `application/AT+JWT` is `at+jwt`. */
export const plainType = (type: string): string => type.toLowerCase().replace(/^application\//, '')

export type AuthSettings = AuthKey & { readonly rules?: TokenRules }

/** What Gates and nodes check their own tokens and tickets with. */
interface SecretSettings {
  readonly secret: string
  /** Verify, never sign. */
  readonly acceptSecrets: readonly string[]
}

/** What one user may do. */
export interface UserLimits {
  /** Receivers, marks and lists a minute, over all nodes; undefined: as many as come. */
  readonly perMinute: number | undefined
  /** Receivers of one message. */
  readonly maxReceivers: number
  /** The longest ttl. */
  readonly maxTtlMs: number
  /** Open sockets at one node. */
  readonly maxSockets: number
}

interface ListenSettings {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  /** Undefined: probes and metrics are served on `port`. */
  readonly metricsPort: number | undefined
  /** `*` = all. */
  readonly origins: readonly string[]
}

export interface GateSettings extends ListenSettings, SecretSettings {
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

export interface NodeSettings extends Omit<ListenSettings, 'port'>, SecretSettings {
  /** Undefined: the first free one from 9101. */
  readonly port: number | undefined
  readonly publicUrl: string | undefined
  readonly nodeId: string | undefined
  readonly nodeWeight: number
  readonly auth: AuthSettings
  readonly natsUrl: string
  readonly natsCreds: string | undefined
  readonly natsPrefix: string
  readonly busUnsigned: 'accept' | 'refuse'
  readonly dispatchMode: 'broadcast' | 'interest'
  readonly mongodbUrl: string
  readonly isDemo: boolean
  readonly retentionMs: number
  readonly cacheBytes: number
  readonly drainMs: number
  readonly userLimits: UserLimits
  readonly logLevel: LogLevel
}

export interface UpSettings extends ListenSettings, Pick<SecretSettings, 'acceptSecrets'> {
  /** How many Notifications nodes, at least one for each process. Undefined, as the next: as fits the machine. */
  readonly nodes: number | undefined
  readonly processes: number | undefined
  readonly publicUrl: string | undefined
  readonly nodeId: string | undefined
  readonly nodeWeight: number
  /** Undefined: made once and kept in the data folder. */
  readonly secret: string | undefined
  /** Undefined: HS256 with the secret. */
  readonly auth: AuthKey | undefined
  readonly rules: TokenRules
  /** Undefined: in-process dispatch. */
  readonly natsUrl: string | undefined
  readonly natsCreds: string | undefined
  readonly natsPrefix: string
  readonly busUnsigned: 'accept' | 'refuse'
  readonly dispatchMode: 'broadcast' | 'interest'
  /** Undefined: the embedded store. */
  readonly mongodbUrl: string | undefined
  readonly dataDir: string
  readonly diskReserveBytes: number
  readonly isDemo: boolean
  readonly retentionMs: number
  readonly cacheBytes: number
  readonly drainMs: number
  readonly userLimits: UserLimits
  readonly rateProducerPerMinute: number | undefined
  /** Undefined: as much as whoever reads it wants, `info` or on a terminal `warn`. */
  readonly logLevel: LogLevel | undefined
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
  /** What a user's token must carry here. */
  readonly rules: TokenRules
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

export interface MigrateSettings {
  readonly from: string
  readonly to: string
  /** What to name where they are at fault. */
  readonly fromSetting: string
  readonly toSetting: string
  readonly mode: 'carry' | 'dry-run' | 'verify-only'
}

/** What `doctor` looks at: anything may be unset. */
export interface DoctorSettings {
  /** Undefined: as fits the machine. */
  readonly processes: number | undefined
  readonly host: string
  /** Undefined: as the command chooses. */
  readonly port: number | undefined
  readonly metricsPort: number | undefined
  readonly publicUrl: string | undefined
  readonly origins: readonly string[]
  readonly secret: string | undefined
  readonly auth: AuthKey | undefined
  readonly rules: TokenRules
  /** As `up` would have it. */
  readonly isDemo: boolean
  readonly natsUrl: string | undefined
  readonly natsCreds: string | undefined
  readonly natsPrefix: string
  readonly busUnsigned: 'accept' | 'refuse'
  readonly dispatchMode: 'broadcast' | 'interest'
  readonly mongodbUrl: string | undefined
  readonly dataDir: string
  readonly diskReserveBytes: number
  readonly logLevel: LogLevel
}
