/**
 * Step two of two: the values of a command's schema → its settings, with the rules that join several of them.
 * Throws SettingsError with every fault of both steps.
 */
import { resolve } from 'node:path'
import type { Static, TObject } from 'typebox'
import { shown } from '../../contract/errors.js'
import { nameTakes } from '../../contract/names.js'
import { benchSchema, defaultDiskReserveBytes, doctorSchema, environmentNames, gateSchema, migrateSchema, nodeSchema, tokenSchema, upSchema } from './catalogue.js'
import { isLoopback, isPathSegment, plainAddress } from './addresses.js'
import { SettingsError, type Fault } from './fault.js'
import { usablePublicKey } from './public-key.js'
import { readSettings, type Reading } from './read.js'
import { noRules, plainType, type AuthKey, type BenchSettings, type DoctorSettings, type GateSettings, type MigrateSettings, type NodeSettings, type TokenRules, type TokenSettings, type UpSettings, type UserLimits } from './settings.js'
import { infoOf } from './setting.js'
import type { Surroundings } from './sources.js'

/** Reads one command's settings from flags, environment and `.env`. */
export type ReadCommand<T> = (argv: readonly string[], surroundings: Surroundings) => T

export const readGateSettings: ReadCommand<GateSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(gateSchema, argv, surroundings, environmentNames), atMostOneAuth)
  return frozen({
    host: values.GATEPOST_HOST,
    port: values.GATEPOST_PORT,
    metricsPort: values.GATEPOST_METRICS_PORT,
    origins: originsOf(values.GATEPOST_ORIGINS),
    secret: values.GATEPOST_SECRET,
    acceptSecrets: values.GATEPOST_SECRET_ACCEPT ?? [],
    auth: { ...keyOf(values) ?? { kind: 'secret', secret: values.GATEPOST_SECRET }, rules: rulesOf(values) },
    natsUrl: servers(values.GATEPOST_NATS_URL),
    natsCreds: values.GATEPOST_NATS_CREDS,
    natsPrefix: values.GATEPOST_NATS_PREFIX,
    busUnsigned: values.GATEPOST_BUS_UNSIGNED,
    isDemo: values.GATEPOST_DEMO,
    rateProducerPerMinute: values.GATEPOST_RATE_PRODUCER,
    drainMs: toMs(values.GATEPOST_DRAIN),
    logLevel: values.GATEPOST_LOG_LEVEL
  })
}

export const readNodeSettings: ReadCommand<NodeSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(nodeSchema, argv, surroundings, environmentNames), atMostOneAuth)
  return frozen({
    host: values.GATEPOST_HOST,
    port: values.GATEPOST_PORT,
    metricsPort: values.GATEPOST_METRICS_PORT,
    publicUrl: publicUrlOf(values),
    nodeId: values.GATEPOST_NODE_ID,
    nodeWeight: values.GATEPOST_NODE_WEIGHT,
    origins: originsOf(values.GATEPOST_ORIGINS),
    secret: values.GATEPOST_SECRET,
    acceptSecrets: values.GATEPOST_SECRET_ACCEPT ?? [],
    auth: { ...keyOf(values) ?? { kind: 'secret', secret: values.GATEPOST_SECRET }, rules: rulesOf(values) },
    natsUrl: servers(values.GATEPOST_NATS_URL),
    natsCreds: values.GATEPOST_NATS_CREDS,
    natsPrefix: values.GATEPOST_NATS_PREFIX,
    busUnsigned: values.GATEPOST_BUS_UNSIGNED,
    dispatchMode: values.GATEPOST_DISPATCH,
    mongodbUrl: values.GATEPOST_MONGODB_URL,
    isDemo: values.GATEPOST_DEMO,
    retentionMs: values.GATEPOST_RETENTION,
    cacheBytes: values.GATEPOST_CACHE_MB * 1_048_576,
    drainMs: toMs(values.GATEPOST_DRAIN),
    userLimits: userLimitsOf(values),
    logLevel: values.GATEPOST_LOG_LEVEL
  })
}

export const readUpSettings: ReadCommand<UpSettings> = (argv, surroundings) => {
  const reading = readSettings(upSchema, argv, surroundings, environmentNames)
  const { values } = complete(reading, atMostOneAuth, idInPath)
  return frozen({
    nodes: values['--nodes'],
    processes: values.GATEPOST_PROCESSES,
    host: values.GATEPOST_HOST,
    port: values.GATEPOST_PORT,
    metricsPort: values.GATEPOST_METRICS_PORT,
    publicUrl: publicUrlOf(values),
    nodeId: values.GATEPOST_NODE_ID,
    nodeWeight: values.GATEPOST_NODE_WEIGHT,
    origins: originsOf(values.GATEPOST_ORIGINS),
    secret: values.GATEPOST_SECRET,
    acceptSecrets: values.GATEPOST_SECRET_ACCEPT ?? [],
    auth: keyOf(values),
    rules: rulesOf(values),
    natsUrl: servers(values.GATEPOST_NATS_URL),
    natsCreds: values.GATEPOST_NATS_CREDS,
    natsPrefix: values.GATEPOST_NATS_PREFIX,
    busUnsigned: values.GATEPOST_BUS_UNSIGNED,
    dispatchMode: values.GATEPOST_DISPATCH,
    mongodbUrl: values.GATEPOST_MONGODB_URL,
    dataDir: resolve(surroundings.cwd, values.GATEPOST_DATA_DIR),
    diskReserveBytes: values.GATEPOST_DISK_RESERVE,
    isDemo: isDemo(reading),
    retentionMs: values.GATEPOST_RETENTION,
    cacheBytes: values.GATEPOST_CACHE_MB * 1_048_576,
    drainMs: toMs(values.GATEPOST_DRAIN),
    userLimits: userLimitsOf(values),
    rateProducerPerMinute: values.GATEPOST_RATE_PRODUCER,
    logLevel: values.GATEPOST_LOG_LEVEL
  })
}

export const readTokenSettings: ReadCommand<TokenSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(tokenSchema, argv, surroundings, environmentNames))
  return frozen({
    secret: values.GATEPOST_SECRET,
    dataDir: resolve(surroundings.cwd, values.GATEPOST_DATA_DIR),
    sub: values['--sub'],
    scopes: [...new Set(values['--scope'])],
    groups: [...new Set(values['--groups'] ?? [])],
    ttlMs: values['--ttl'],
    rules: rulesOf(values)
  })
}

export const readBenchSettings: ReadCommand<BenchSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(benchSchema, argv, surroundings, environmentNames), tokensOfBench, wayOfBench)
  const tokensFile = values['--tokens']
  return frozen({
    gate: originOf(values['--gate']),
    nodes: values['--nodes'],
    clients: values['--clients'],
    connectsPerSecond: values['--connect-rate'],
    messagesPerSecond: values['--rate'],
    durationMs: values['--duration'],
    to: values['--to'],
    via: values['--via'],
    batch: values['--batch'],
    inFlight: values['--in-flight'],
    bodyBytes: values['--body-bytes'],
    tokensFile: tokensFile === undefined ? undefined : resolve(surroundings.cwd, tokensFile),
    group: values['--group'],
    serverPids: (values['--server-pids'] ?? []).map(Number),
    isJson: values['--json'],
    secret: values.GATEPOST_SECRET
  })
}

export const readMigrateSettings: ReadCommand<MigrateSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(migrateSchema, argv, surroundings, environmentNames), targetOfMigrate, modeOfMigrate)
  return frozen({
    from: resolve(surroundings.cwd, values['--from'] ?? values.GATEPOST_DATA_DIR),
    to: values['--to'] ?? values.GATEPOST_MONGODB_URL ?? '',
    fromSetting: values['--from'] === undefined ? 'GATEPOST_DATA_DIR' : '--from',
    toSetting: values['--to'] === undefined ? 'GATEPOST_MONGODB_URL' : '--to',
    mode: values['--dry-run'] ? 'dry-run' : values['--verify-only'] ? 'verify-only' : 'carry'
  })
}

/** Faults of settings are what `doctor` is for: it gets them with what could be read. Faults of its flags are thrown. */
export const readDoctorSettings: ReadCommand<{ settings: DoctorSettings, faults: readonly Fault[] }> = (argv, surroundings) => {
  const reading = readSettings(doctorSchema, argv, surroundings, environmentNames)
  const ofFlags = reading.faults.filter(fault => fault.origin === 'flag' || (fault.origin === undefined && fault.setting !== '.env'))
  if (ofFlags.length > 0) throw new SettingsError(ofFlags)
  const { values } = reading
  const settings: DoctorSettings = {
    processes: values.GATEPOST_PROCESSES,
    host: values.GATEPOST_HOST ?? '127.0.0.1',
    port: values.GATEPOST_PORT,
    metricsPort: values.GATEPOST_METRICS_PORT,
    publicUrl: publicUrlOf(values),
    origins: originsOf(values.GATEPOST_ORIGINS ?? ['*']),
    secret: values.GATEPOST_SECRET,
    auth: keyOf(values),
    rules: rulesOf(values),
    isDemo: isDemo(reading),
    natsUrl: servers(values.GATEPOST_NATS_URL),
    natsCreds: values.GATEPOST_NATS_CREDS,
    natsPrefix: values.GATEPOST_NATS_PREFIX ?? 'gatepost',
    busUnsigned: values.GATEPOST_BUS_UNSIGNED ?? 'accept',
    dispatchMode: values.GATEPOST_DISPATCH ?? 'broadcast',
    mongodbUrl: values.GATEPOST_MONGODB_URL,
    dataDir: resolve(surroundings.cwd, values.GATEPOST_DATA_DIR ?? 'data'),
    diskReserveBytes: values.GATEPOST_DISK_RESERVE ?? defaultDiskReserveBytes,
    logLevel: values.GATEPOST_LOG_LEVEL ?? 'info'
  }
  return frozen({ settings, faults: [...reading.faults, ...atMostOneAuth(reading)] })
}

/** A rule over several settings: the faults that it finds. */
type Rule<S extends TObject> = (reading: Reading<S>) => Fault[]

export function complete<S extends TObject> (reading: Reading<S>, ...rules: Array<Rule<S>>): { values: Static<S> } {
  const faults = [...reading.faults, ...rules.flatMap(rule => rule(reading))]
  if (faults.length > 0) throw new SettingsError(faults)
  return { values: reading.values as Static<S> }
}

const keySettings = ['GATEPOST_AUTH_SECRET', 'GATEPOST_AUTH_PUBLIC_KEY', 'GATEPOST_AUTH_JWKS_URL']

function atMostOneAuth ({ given }: Pick<Reading<TObject>, 'given'>): Fault[] {
  const set = keySettings.filter(name => given.has(name))
  return set.slice(1).map(name => ({ setting: name, origin: given.get(name)?.origin, got: `a value beside ${set[0] ?? ''}`, takes: `at most one of ${keySettings.join(', ')}` }))
}

/** With several nodes a number follows it. */
function idInPath ({ values, given }: Reading<typeof upSchema>): Fault[] {
  const id = values.GATEPOST_NODE_ID
  if (id === undefined || values['--nodes'] !== 1 || isPathSegment(id)) return []
  return [{ setting: 'GATEPOST_NODE_ID', origin: given.get('GATEPOST_NODE_ID')?.origin, got: shown(id), takes: `${nameTakes}, and neither . nor .., since it is part of an address` }]
}

/** A Gate that runs already takes tokens of its own site only. */
function tokensOfBench ({ values, given }: Reading<typeof benchSchema>): Fault[] {
  if (values['--gate'] === undefined) {
    const from = given.get('--tokens')
    return from === undefined ? [] : [{ setting: '--tokens', origin: from.origin, got: 'a file without --gate', takes: 'the tokens of the site whose Gate is given with --gate' }]
  }
  if (given.has('GATEPOST_SECRET') || given.has('--tokens')) return []
  return [{ setting: 'GATEPOST_SECRET', origin: undefined, got: 'nothing, and no --tokens either', takes: `${infoOf(benchSchema.properties.GATEPOST_SECRET).takes}, or --tokens with a file of tokens` }]
}

function wayOfBench ({ values, given }: Reading<typeof benchSchema>): Fault[] {
  if (values['--to'] !== 'all' || values['--via'] !== 'socket') return []
  return [{ setting: '--via', origin: given.get('--via')?.origin, got: '"socket" for messages to all', takes: 'rest or batch there: a user may not send to all' }]
}

function targetOfMigrate ({ given }: Reading<typeof migrateSchema>): Fault[] {
  if (given.has('--to') || given.has('GATEPOST_MONGODB_URL')) return []
  return [{ setting: '--to', origin: undefined, got: 'nothing, and GATEPOST_MONGODB_URL is not set either', takes: infoOf(migrateSchema.properties['--to']).takes }]
}

function modeOfMigrate ({ values }: Reading<typeof migrateSchema>): Fault[] {
  if (values['--dry-run'] !== true || values['--verify-only'] !== true) return []
  return [{ setting: '--dry-run', origin: 'flag', got: 'true beside --verify-only', takes: 'one of the two' }]
}

interface UserLimitValues { GATEPOST_RATE_USER: number, GATEPOST_MAX_RECEIVERS: number, GATEPOST_MAX_TTL?: number, GATEPOST_RETENTION: number, GATEPOST_SOCKETS_PER_USER: number }

function userLimitsOf (values: UserLimitValues): UserLimits {
  return {
    perMinute: values.GATEPOST_RATE_USER === 0 ? undefined : values.GATEPOST_RATE_USER,
    maxReceivers: values.GATEPOST_MAX_RECEIVERS,
    maxTtlMs: values.GATEPOST_MAX_TTL ?? values.GATEPOST_RETENTION,
    maxSockets: values.GATEPOST_SOCKETS_PER_USER
  }
}

interface KeyValues { GATEPOST_AUTH_SECRET?: string, GATEPOST_AUTH_PUBLIC_KEY?: string, GATEPOST_AUTH_JWKS_URL?: string }

function keyOf (values: KeyValues): AuthKey | undefined {
  if (values.GATEPOST_AUTH_SECRET !== undefined) return { kind: 'secret', secret: values.GATEPOST_AUTH_SECRET }
  if (values.GATEPOST_AUTH_JWKS_URL !== undefined) return { kind: 'jwks', url: values.GATEPOST_AUTH_JWKS_URL }
  const publicKey = values.GATEPOST_AUTH_PUBLIC_KEY === undefined ? undefined : usablePublicKey(values.GATEPOST_AUTH_PUBLIC_KEY)
  return publicKey === undefined ? undefined : { kind: 'public-key', publicKey }
}

interface RuleValues {
  GATEPOST_AUTH_AUDIENCE?: string[]
  GATEPOST_AUTH_ISSUER?: string[]
  GATEPOST_AUTH_TYP?: string[]
  GATEPOST_AUTH_MAX_LIFE?: number
  GATEPOST_AUTH_GROUPS_CLAIM?: string
  GATEPOST_AUTH_GROUPS?: 'add' | 'replace'
}

export function rulesOf (values: RuleValues): TokenRules {
  const claim = values.GATEPOST_AUTH_GROUPS_CLAIM ?? noRules.groupsClaim
  return {
    audiences: values.GATEPOST_AUTH_AUDIENCE ?? [],
    issuers: values.GATEPOST_AUTH_ISSUER ?? [],
    types: (values.GATEPOST_AUTH_TYP ?? []).map(plainType),
    ...values.GATEPOST_AUTH_MAX_LIFE !== undefined && { maxLifeMs: values.GATEPOST_AUTH_MAX_LIFE },
    groupsClaim: claim === 'none' ? undefined : claim,
    groups: values.GATEPOST_AUTH_GROUPS ?? noRules.groups
  }
}

/** Under `up`: on by itself only where nobody else reaches it, and nothing says whose the users are. */
function isDemo ({ values, given }: { values: { GATEPOST_DEMO?: boolean, GATEPOST_HOST?: string }, given: ReadonlyMap<string, unknown> }): boolean {
  const isSite = [...given.keys()].some(name => /^GATEPOST_(?:SECRET|AUTH_)/.test(name))
  return values.GATEPOST_DEMO ?? (!isSite && isLoopback(values.GATEPOST_HOST ?? ''))
}

const originsOf = (origins: readonly string[]): string[] => origins.map(one => one === '*' ? one : new URL(one).origin)

function servers (natsUrl: string): string
function servers (natsUrl: string | undefined): string | undefined
function servers (natsUrl: string | undefined): string | undefined {
  return natsUrl?.split(',').map(one => one.trim()).join(',')
}

const publicUrlOf = ({ GATEPOST_PUBLIC_URL: url }: { GATEPOST_PUBLIC_URL?: string }): string | undefined => url === undefined ? undefined : plainAddress(url)
const originOf = (url: string | undefined): string | undefined => url === undefined ? undefined : new URL(url).origin
const toMs = (seconds: number): number => Math.round(seconds * 1000)

export function frozen<T extends object> (value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) frozen(part as object)
  return Object.freeze(value)
}
