/**
 * The bus of processes that are one process: a hub, and one bus for each participant. It loses what NATS would
 * lose: what is published while the publisher is cut off, and what is delivered while the receiver is.
 *
 * Order: one queue for all, emptied once a turn of the loop, so every receiver sees all publishers in one order.
 * Payloads are handed through as they are; nobody may change them.
 */
import type { Bus, BusHandler } from './bus.js'
import { checkPayload, lostLink, noAnswer, nobodyListens, noLink } from './bus-errors.js'
import { createSubjectMatcher } from './subject-pattern.js'

export interface InProcessBus {
  /** A participant's bus; its name must not be in use. */
  connect: (name: string) => Bus
  /** Cuts a participant off, as a broken link would. */
  disconnect: (name: string) => void
  reconnect: (name: string) => void
}

const defaultMaxPayloadBytes = 1024 * 1024

export function createInProcessBus ({ maxPayloadBytes = defaultMaxPayloadBytes }: { maxPayloadBytes?: number } = {}): InProcessBus {
  return new Hub(maxPayloadBytes)
}

type Reply = (payload: Uint8Array) => void

class Hub implements InProcessBus {
  readonly maxPayloadBytes: number
  readonly #participants = new Map<string, Participant>()
  #queue: Array<() => void> = []
  /** Links made so far. */
  #links = 0
  readonly #empty = (): void => { this.#deliverQueued() }

  constructor (maxPayloadBytes: number) {
    this.maxPayloadBytes = maxPayloadBytes
  }

  connect (name: string): Bus {
    if (this.#participants.has(name)) throw new Error(`participant ${name} is connected already`)
    const participant = new Participant(this, name, ++this.#links)
    this.#participants.set(name, participant)
    return participant
  }

  disconnect (name: string): void { this.#setLink(name, undefined) }
  reconnect (name: string): void { this.#setLink(name, this.#links + 1) }

  #setLink (name: string, link: number | undefined): void {
    const participant = this.#participants.get(name)
    if (participant === undefined) throw new Error(`no participant ${name}`)
    if (participant.isConnected === (link !== undefined)) return
    if (link !== undefined) this.#links = link
    participant.setLink(link)
  }

  remove (participant: Participant): void {
    if (this.#participants.get(participant.name) === participant) this.#participants.delete(participant.name)
  }

  enqueue (deliver: () => void): void {
    if (this.#queue.push(deliver) === 1) setImmediate(this.#empty)
  }

  /** `whenDelivered` gets the number of handlers that were called. */
  send (from: Participant, subject: string, payload: Uint8Array, reply?: Reply, whenDelivered?: (count: number) => void): void {
    const publishedAt = this.#links
    this.enqueue(() => {
      let count = 0
      for (const to of this.#participants.values()) {
        if (to !== from && to.hasLinkSince(publishedAt)) count += to.receive(subject, payload, reply)
      }
      whenDelivered?.(count)
    })
  }

  #deliverQueued (): void {
    const due = this.#queue
    this.#queue = []
    let done = 0
    try {
      for (const deliver of due) {
        done++
        deliver()
      }
    } finally {
      // Only a handler that broke its promise not to throw leaves something here: it must not cost the others theirs.
      if (done < due.length) {
        this.#queue = [...due.slice(done), ...this.#queue]
        setImmediate(this.#empty)
      }
    }
  }
}

interface Subscription { readonly matches: (subject: string) => boolean, readonly handler: BusHandler }
const isPattern = (subject: string): boolean => /[*>]/.test(subject)

class Participant implements Bus {
  readonly kind = 'in-process'
  readonly name: string
  readonly #hub: Hub
  /** How many links had been made with this one; undefined while cut off. What was published earlier is not for it. */
  #link: number | undefined
  /** By the literal subject; those with a wildcard under ''. A process may have thousands. */
  readonly #subscriptions = new Map<string, ReadonlySet<Subscription>>()
  readonly #statusHandlers = new Set<(isConnected: boolean) => void>()
  /** Ends the waiting requests of this participant. */
  readonly #waiting = new Set<(error: Error) => void>()
  #closing: Promise<void> | undefined

  constructor (hub: Hub, name: string, link: number) {
    this.#hub = hub
    this.name = name
    this.#link = link
  }

  get maxPayloadBytes (): number { return this.#hub.maxPayloadBytes }
  get isConnected (): boolean { return this.#link !== undefined }

  hasLinkSince (publishedAt: number): boolean { return this.#link !== undefined && this.#link <= publishedAt }

  setLink (link: number | undefined): void {
    this.#link = link
    if (link === undefined) for (const end of [...this.#waiting]) end(lostLink())
    for (const handler of [...this.#statusHandlers]) handler(link !== undefined)
  }

  /** How many handlers got it. */
  receive (subject: string, payload: Uint8Array, reply: Reply | undefined): number {
    let count = 0
    for (const key of [subject, '']) {
      for (const { matches, handler } of this.#subscriptions.get(key) ?? []) {
        if (!matches(subject)) continue
        count++
        handler(subject, payload, reply && (answer => { if (this.isConnected) reply(answer) }))
      }
    }
    return count
  }

  publish (subject: string, payload: Uint8Array): void {
    checkPayload(payload, this.maxPayloadBytes)
    if (this.isConnected) this.#hub.send(this, subject, payload)
  }

  subscribe (subject: string, handler: BusHandler): () => void {
    const subscription = { matches: createSubjectMatcher(subject), handler }
    const key = isPattern(subject) ? '' : subject
    // Replaced, not changed: a handler may subscribe and end what is being delivered to.
    this.#subscriptions.set(key, new Set([...this.#subscriptions.get(key) ?? [], subscription]))
    return () => {
      const others = new Set(this.#subscriptions.get(key))
      others.delete(subscription)
      if (others.size > 0) this.#subscriptions.set(key, others)
      else this.#subscriptions.delete(key)
    }
  }

  async request (subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    checkPayload(payload, this.maxPayloadBytes)
    if (!this.isConnected) throw noLink()
    return await new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(abort)
        settle()
      }
      const abort = (error: Error): void => { end(() => { reject(error) }) }
      const timer = setTimeout(() => { abort(noAnswer(timeoutMs)) }, timeoutMs)
      this.#waiting.add(abort)
      const reply: Reply = answer => { this.#hub.enqueue(() => { end(() => { resolve(answer) }) }) }
      this.#hub.send(this, subject, payload, reply, count => { if (count === 0) abort(nobodyListens()) })
    })
  }

  async roundTrip (): Promise<void> {
    if (!this.isConnected) throw noLink()
    await new Promise<void>(resolve => { this.#hub.enqueue(resolve) })
    if (!this.isConnected) throw noLink()
  }

  onStatus (handler: (isConnected: boolean) => void): () => void {
    this.#statusHandlers.add(handler)
    return () => { this.#statusHandlers.delete(handler) }
  }

  async close (): Promise<void> {
    this.#closing ??= new Promise<void>(resolve => {
      this.#hub.enqueue(() => {
        this.#subscriptions.clear()
        this.#hub.remove(this)
        this.setLink(undefined)
        this.#statusHandlers.clear()
        resolve()
      })
    })
    await this.#closing
  }
}
