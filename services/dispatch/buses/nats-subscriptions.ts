/**
 * What this process subscribes to, over whatever connection to NATS there is. A subscription that the server refuses is
 * tried again, because permissions are changed while servers run; meanwhile the process counts as cut off from the others.
 */
import type { NatsConnection, NatsError, Subscription } from 'nats'
import type { Log } from '../../../shared/platform/log.js'
import type { BusHandler } from './bus.js'
import { reasonOf } from './nats-link.js'

export interface NatsSubscriptionsOptions {
  readonly respond: (subject: string, answer: Uint8Array) => void
  /** The server has refused one. */
  readonly onRefused: () => void
  /** Resolves when the server has answered for those that were tried again. */
  readonly confirm: () => Promise<void>
  readonly log: Log
}

interface Wanted { readonly subject: string, readonly handler: BusHandler, live: Subscription | undefined }

const refusedRetryMs = 2_000

/** Subjects that differ in their last token only are refused together, thousands of them. */
const kindOf = (subject: string): string => subject.slice(0, subject.lastIndexOf('.'))

export class NatsSubscriptions {
  readonly #options: NatsSubscriptionsOptions
  readonly #wanted = new Set<Wanted>()
  readonly #refused = new Set<Wanted>()
  /** Of which a refusal was logged, and no end of it yet. */
  readonly #refusedKinds = new Set<string>()
  #connection: NatsConnection | undefined
  #retryTimer: NodeJS.Timeout | undefined

  constructor (options: NatsSubscriptionsOptions) {
    this.#options = options
  }

  /** Refused since they were last tried. */
  get refused (): number { return this.#refused.size }

  /** Returns what ends it. */
  add (subject: string, handler: BusHandler): () => void {
    const want: Wanted = { subject, handler, live: undefined }
    this.#wanted.add(want)
    this.#attach(want)
    return () => {
      this.#wanted.delete(want)
      want.live?.unsubscribe()
      want.live = undefined
    }
  }

  attachAll (connection: NatsConnection): void {
    this.#connection = connection
    this.#refused.clear()
    for (const want of this.#wanted) this.#attach(want)
  }

  /** The connection has ended. */
  detachAll (): void {
    this.#connection = undefined
    for (const want of this.#wanted) want.live = undefined
  }

  close (): void {
    clearTimeout(this.#retryTimer)
    this.#connection = undefined
    this.#wanted.clear()
  }

  #attach (want: Wanted): void {
    const { respond, log } = this.#options
    want.live = this.#connection?.subscribe(want.subject, {
      callback: (error, message) => {
        if (error !== null) {
          this.#refuse(want, error)
          return
        }
        // What a handler throws would end the client's reading for good.
        try {
          want.handler(message.subject, message.data, message.reply === undefined || message.reply === '' ? undefined : answer => { respond(message.reply as string, answer) })
        } catch (cause) {
          log.error({ event: 'bus-handler-failed', subject: want.subject, err: cause }, 'a handler of the bus failed')
        }
      }
    })
  }

  #refuse (want: Wanted, error: NatsError): void {
    want.live = undefined
    if (!this.#wanted.has(want)) return
    const kind = kindOf(want.subject)
    if (!this.#refusedKinds.has(kind)) this.#options.log.error({ event: 'nats-subscription-refused', subject: want.subject, reason: reasonOf(error) }, 'NATS does not let this process subscribe, so it counts as cut off: give its login the permissions of docs/operations.md')
    this.#refusedKinds.add(kind)
    this.#refused.add(want)
    this.#options.onRefused()
    this.#retryTimer ??= setTimeout(() => { void this.#retry() }, refusedRetryMs).unref()
  }

  async #retry (): Promise<void> {
    this.#retryTimer = undefined
    if (this.#connection === undefined || this.#connection.isClosed()) return
    const again = [...this.#refused]
    this.#refused.clear()
    for (const want of again) if (this.#wanted.has(want)) this.#attach(want)
    await this.#options.confirm()
    const stillRefused = new Set([...this.#refused].map(({ subject }) => kindOf(subject)))
    for (const { subject, live } of again) {
      if (live === undefined || stillRefused.has(kindOf(subject)) || !this.#refusedKinds.delete(kindOf(subject))) continue
      this.#options.log.info({ event: 'nats-subscribed-again', subject }, 'NATS lets this process subscribe again')
    }
  }
}
