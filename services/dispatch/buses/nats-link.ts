/**
 * The connection to NATS, kept for ever: the first one is tried until it is made (a log line each time), the client restores
 * a lost one, and should the client ever give up, all begins anew.
 *
 * | state | means | left by |
 * | --- | --- | --- |
 * | `waiting` | no connection, or one that does not count yet | the server has taken all subscriptions → `connected` |
 * | `connected` | what others send is heard | a broken link, a refused subscription → `waiting` |
 * | `closed` | for good | nothing |
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, Events, type ConnectionOptions, type NatsConnection } from 'nats'
import type { Log } from '../../../shared/platform/log.js'
import { reconnectWaitMs, usualMaxPayloadBytes } from './nats-connection.js'

type LinkState = 'waiting' | 'connected' | 'closed'

/** What the link serves. */
export interface LinkUser {
  /** Subscribes over a connection that has just been made. */
  readonly attach: (connection: NatsConnection) => void
  /** The connection has gone, and its subscriptions with it. */
  readonly detach: () => void
  /** The server has refused no subscription. */
  readonly isAttached: () => boolean
  readonly onChange: (isConnected: boolean) => void
}

const longestRetryMs = 1_000
/** Kinds of subjects of which a refusal is logged. */
const maxLoggedKinds = 100

export class NatsLink {
  readonly #options: ConnectionOptions
  readonly #user: LinkUser
  readonly #log: Log
  readonly #closing = new AbortController()
  /** The subjects, cut after their second token, that are known to be refused for publishing. */
  readonly #unpublishable = new Set<string>()
  #state: LinkState = 'waiting'
  #connection: NatsConnection | undefined
  #maxPayloadBytes = usualMaxPayloadBytes

  constructor (options: ConnectionOptions, user: LinkUser, log: Log) {
    this.#options = options
    this.#user = user
    this.#log = log
  }

  /** The connection where it counts: undefined while waiting and once closed. */
  get connected (): NatsConnection | undefined { return this.#state === 'connected' ? this.#connection : undefined }
  /** By the last server. */
  get maxPayloadBytes (): number { return this.#maxPayloadBytes }

  /** Called once; ends with `close`. */
  async keep (): Promise<void> {
    for (let tries = 0; !this.#closing.signal.aborted; tries++) {
      let made: NatsConnection
      try {
        made = await connect(this.#options)
      } catch (error) {
        if (this.#closing.signal.aborted) return
        this.#log.warn({ event: 'nats-unreachable', reason: reasonOf(error) }, 'NATS is unreachable (GATEPOST_NATS_URL), trying again')
        await this.#pause(Math.min(longestRetryMs, reconnectWaitMs * 2 ** tries))
        continue
      }
      if (this.#closing.signal.aborted) {
        await made.close()
        return
      }
      tries = 0
      await this.#use(made)
      if (!this.#closing.signal.aborted) await this.#pause(reconnectWaitMs)
    }
  }

  /** Until it has ended for good. */
  async #use (made: NatsConnection): Promise<void> {
    this.#connection = made
    this.#user.attach(made)
    this.#log.info({ event: 'nats-connected', server: made.getServer(), version: made.info?.version }, 'connected to NATS')
    void this.confirm() // a flush over a link that breaks again may never end
    this.#followStatus(made).catch((error: unknown) => { this.#log.error({ event: 'bus-status-handler-failed', err: error }, 'the status of the connection to NATS cannot be followed') })
    const error = await made.closed()
    this.#connection = undefined
    this.#user.detach()
    this.#become('waiting')
    if (!this.#closing.signal.aborted) this.#log.warn({ event: 'nats-closed', reason: reasonOf(error) }, 'the connection to NATS was closed, making a new one')
  }

  /** Does not end: the client ends no iterator of a connection's status, also when it closes. */
  async #followStatus (of: NatsConnection): Promise<void> {
    for await (const { type, data, permissionContext } of of.status()) {
      if (type === Events.Disconnect) {
        this.#log.warn({ event: 'nats-disconnected', server: data }, 'the connection to NATS is broken')
        this.#become('waiting')
      } else if (type === Events.Reconnect) {
        this.#log.info({ event: 'nats-reconnected', server: data }, 'connected to NATS again')
        void this.confirm()
      } else if (type === Events.Error && permissionContext?.operation === 'publish') {
        this.#publishRefused(permissionContext.subject)
      } else if (type === Events.Error) {
        this.#log.warn({ event: 'nats-error', reason: data }, 'NATS reports an error')
      } else {
        this.#log.debug({ event: 'nats-status', type }, 'NATS status')
      }
    }
  }

  /** Counts as connected once the server has taken all subscriptions: what others send before that would be missed. */
  async confirm (): Promise<void> {
    const of = this.#connection
    if (of === undefined || of.isClosed()) return
    try { await of.flush() } catch { return } // broken again: the status says so
    if (this.#connection === of && this.#user.isAttached()) this.#become('connected')
  }

  /** The server does not let this process hear all: it counts as cut off until `confirm`. */
  doubt (): void { this.#become('waiting') }

  async close (): Promise<void> {
    const was = this.#connection
    this.#become('closed')
    this.#closing.abort()
    await was?.close()
  }

  #become (next: LinkState): void {
    if (this.#state === next || this.#state === 'closed') return
    this.#state = next
    if (next === 'closed') return
    if (next === 'connected') this.#maxPayloadBytes = this.#connection?.info?.max_payload ?? this.#maxPayloadBytes
    this.#user.onChange(next === 'connected')
  }

  /** Logs once for each kind of subject: a node's life is part of it, and so are streams. */
  #publishRefused (subject: string): void {
    const kind = subject.split('.').slice(0, 2).join('.')
    if (this.#unpublishable.has(kind) || this.#unpublishable.size > maxLoggedKinds) return
    this.#unpublishable.add(kind)
    this.#log.error({ event: 'nats-publish-refused', subject }, 'NATS does not let this process publish: give its login the permissions of docs/operations.md')
  }

  /** Cut short by `close`. */
  async #pause (ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined)
  }
}

/** The client's errors may carry an address as their cause: only code and text are shown. */
export function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return 'closed'
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && code !== error.message ? `${code}: ${error.message}` : error.message
}
