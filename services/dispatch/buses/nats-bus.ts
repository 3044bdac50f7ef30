/**
 * The bus over NATS core: one connection (nats-link.ts), the subscriptions over it (nats-subscriptions.ts), and a bound on
 * what is under way (nats-backpressure.ts).
 *
 * The client hands out what it read in callbacks (an async iterator costs as much again), and sends what was
 * published in one go together. What it would keep while it is disconnected is not given to it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ErrorCode, NatsError } from 'nats'
import type { Log } from '../../../shared/platform/log.js'
import type { Bus, BusHandler } from './bus.js'
import { checkPayload, lostLink, noAnswer, nobodyListens, noLink } from './bus-errors.js'
import { LinkWaits } from './link-waits.js'
import { createNatsBackpressure, type NatsBackpressure } from './nats-backpressure.js'
import { connectionOptions } from './nats-connection.js'
import { NatsLink } from './nats-link.js'
import { NatsSubscriptions } from './nats-subscriptions.js'

export interface NatsBusOptions {
  /** As in `GATEPOST_NATS_URL`. */
  url: string
  /** Path of a credentials file. */
  creds?: string
  /** What the server shows for this connection. */
  name: string
  /** Whose answers these are: a login may be let read its own only. */
  role: 'gate' | 'node'
  log: Log
}

const flushAtCloseMs = 2_000

/** Returns at once, not connected yet. Throws GP_VALIDATION for a malformed address or credentials file. */
export function createNatsBus (options: NatsBusOptions): Bus {
  return new NatsBus(options)
}

class NatsBus implements Bus {
  readonly kind = 'nats'
  readonly #log: Log
  readonly #link: NatsLink
  readonly #subscriptions: NatsSubscriptions
  readonly #outflow: NatsBackpressure
  readonly #waits = new LinkWaits()
  readonly #statusHandlers = new Set<(isConnected: boolean) => void>()
  #closing: Promise<void> | undefined

  constructor ({ url, creds, name, role, log }: NatsBusOptions) {
    this.#log = log
    this.#outflow = createNatsBackpressure(log)
    this.#link = new NatsLink(connectionOptions({ url, creds, name, role }), {
      attach: connection => { this.#subscriptions.attachAll(connection) },
      detach: () => { this.#subscriptions.detachAll() },
      isAttached: () => this.#subscriptions.refused === 0,
      onChange: isConnected => { this.#linkChanged(isConnected) }
    }, log)
    this.#subscriptions = new NatsSubscriptions({
      respond: (subject, answer) => { this.publish(subject, answer) },
      onRefused: () => { this.#link.doubt() },
      confirm: async () => { await this.#link.confirm() },
      log
    })
    this.#link.keep().catch((error: unknown) => { log.fatal({ event: 'nats-bus-failed', err: error }, 'the connection to NATS cannot be kept') })
  }

  get maxPayloadBytes (): number { return this.#link.maxPayloadBytes }
  get isConnected (): boolean { return this.#link.connected !== undefined }

  publish (subject: string, payload: Uint8Array): void {
    checkPayload(payload, this.#link.maxPayloadBytes)
    const connection = this.#link.connected
    if (connection !== undefined) this.#outflow.send(connection, subject, payload)
  }

  subscribe (subject: string, handler: BusHandler): () => void {
    return this.#subscriptions.add(subject, handler)
  }

  async request (subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    checkPayload(payload, this.#link.maxPayloadBytes)
    const connection = this.#link.connected
    if (connection === undefined) throw noLink()
    try {
      return (await this.#waits.within(connection.request(subject, payload, { timeout: timeoutMs }))).data
    } catch (error) {
      if (!(error instanceof NatsError)) throw error
      if (error.code === ErrorCode.NoResponders) throw nobodyListens(error)
      throw error.code === ErrorCode.Timeout ? noAnswer(timeoutMs, error) : lostLink(error)
    }
  }

  async roundTrip (): Promise<void> {
    const connection = this.#link.connected
    if (connection === undefined) throw noLink()
    try {
      await this.#waits.within(connection.flush())
    } catch (error) {
      throw error instanceof NatsError ? noLink(error) : error
    }
  }

  onStatus (handler: (isConnected: boolean) => void): () => void {
    this.#statusHandlers.add(handler)
    return () => { this.#statusHandlers.delete(handler) }
  }

  async close (): Promise<void> {
    this.#closing ??= this.#end()
    await this.#closing
  }

  async #end (): Promise<void> {
    const wasConnected = this.#link.connected
    if (wasConnected !== undefined) {
      await Promise.race([this.#waits.within(wasConnected.flush()).catch(() => undefined), sleep(flushAtCloseMs, undefined, { ref: false })])
    }
    const closed = this.#link.close()
    this.#subscriptions.close()
    this.#waits.endAll(lostLink)
    await closed
    if (wasConnected !== undefined) this.#notify(false)
    this.#statusHandlers.clear()
  }

  #linkChanged (isConnected: boolean): void {
    this.#outflow.reset()
    if (!isConnected) this.#waits.endAll(lostLink)
    this.#notify(isConnected)
  }

  #notify (isConnected: boolean): void {
    for (const handler of [...this.#statusHandlers]) {
      // What a handler throws would end the watch over the connection.
      try { handler(isConnected) } catch (cause) { this.#log.error({ event: 'bus-status-handler-failed', err: cause }, 'a handler of the bus\'s status failed') }
    }
  }
}
