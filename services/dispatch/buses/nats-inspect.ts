/** What `gatepost doctor` wants to know of a NATS: that it lets this login in, what it allows, what it takes. */
import { setImmediate } from 'node:timers/promises'
import { connect, ErrorCode, Events, type NatsConnection } from 'nats'
import { isLoopback } from '../../../shared/platform/settings/addresses.js'
import { readNatsAddress } from './nats-address.js'
import { connectionOptions, usualMaxPayloadBytes } from './nats-connection.js'
import { createSubjects, nobody, rightsOf, type Right, type Role } from '../../../shared/contract/subjects.js'

export type NatsInspection =
  | { readonly reachable: false, readonly isLoginRefused: boolean, readonly cause: unknown }
  | {
    readonly reachable: true
    readonly version: string
    readonly maxPayloadBytes: number
    readonly roundTripMs: number
    /** Somebody on the way between two machines can read along. */
    readonly isReadable: boolean
    /** Rights that the role needs and the server denies, such as `publish gatepost.hello`. */
    readonly lacks: readonly string[]
    /** Rights that the server gives and the role has no use for. */
    readonly exceeds: readonly string[]
  }

export interface NatsInspectionOptions {
  readonly url: string
  readonly creds?: string
  readonly prefix: string
  readonly role: Role
  /** GATEPOST_DISPATCH=interest: a node needs more. */
  readonly isByInterest?: boolean
}

/** One connection. Throws GP_VALIDATION for a malformed address; whatever else goes wrong is in what it returns. */
export async function inspectNats ({ url, creds, prefix, role, isByInterest = false }: NatsInspectionOptions): Promise<NatsInspection> {
  const options = connectionOptions({ url, creds, name: 'gatepost doctor', role })
  let connection: NatsConnection | undefined
  try {
    connection = await connect({ ...options, reconnect: false })
    const roundTripMs = await connection.rtt()
    const { version = 'unknown', max_payload: maxPayloadBytes = usualMaxPayloadBytes, tls_required: mustEncrypt = false } = connection.info ?? {}
    const { needed, needless } = rightsOf(createSubjects(prefix), role, isByInterest)
    const denied = await deniedOf(connection, [...needed, ...needless])
    return {
      reachable: true,
      version,
      maxPayloadBytes,
      roundTripMs,
      isReadable: options.tls === undefined && !mustEncrypt && !readNatsAddress(url).servers.every(server => isLoopback(server.replace(/:\d+$/, ''))),
      lacks: needed.filter(right => denied.has(right)).map(textOf),
      exceeds: needless.filter(right => !denied.has(right)).map(textOf)
    }
  } catch (cause) {
    const { code } = cause as { code?: unknown }
    return { reachable: false, isLoginRefused: code === ErrorCode.AuthorizationViolation || code === ErrorCode.AuthenticationTimeout || code === ErrorCode.AuthenticationExpired, cause }
  } finally {
    await connection?.close()
  }
}

/** Uses each right once, in a way that nobody heeds (see `nobody` in subjects.ts): a server tells rights by denying them. */
async function deniedOf (connection: NatsConnection, rights: readonly Right[]): Promise<Set<Right>> {
  const denied = new Set<Right>()
  void (async () => {
    for await (const { type, permissionContext } of connection.status()) {
      if (type !== Events.Error || permissionContext?.operation !== 'publish') continue
      for (const right of rights) if (right.may === 'publish' && right.subject === permissionContext.subject) denied.add(right)
    }
  })()
  for (const right of rights) {
    if (right.may === 'publish') connection.publish(right.subject)
    // One message at most: it may be somebody's mail.
    else connection.subscribe(right.subject, { max: 1, callback: error => { if (error !== null) denied.add(right) } })
  }
  // The server answers in order: what it denies has come before this, and is read within the turn.
  await connection.flush()
  await setImmediate()
  return denied
}

const textOf = ({ may, subject }: Right): string => `${may} ${subject.replaceAll(nobody, '*')}`
