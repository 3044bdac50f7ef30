/** The bus of a process that another one of its machine has started: that one has the hub (machine-hub.ts). */
import type { Socket } from 'node:net'
import { GatepostError } from '../../../shared/contract/errors.js'
import { createLink, type Link } from '../../../shared/platform/link.js'
import type { Bus, BusHandler } from './bus.js'
import { checkPayload, lostLink, noLink } from './bus-errors.js'
import { readFromHub, writeToHub, type FromHub, type ToHub } from './machine-link.js'

export interface MachineBus {
  /** A participant; its name must not be in use in this process. */
  readonly connect: (name: string) => Bus
}

const maxPayloadBytes = 1024 * 1024

interface Settle { readonly answered: (payload: Uint8Array) => void, readonly refused: (error: Error) => void }

/** Over a socket that is connected. A broken link is not made again: whoever has the hub is gone, and this process with it. */
export function createMachineBus (socket: Socket): MachineBus {
  const participants = new Map<number, Participant>()
  const handlers = new Map<number, BusHandler>()
  const waiting = new Map<number, Settle>()
  let numbers = 0

  const link: Link<ToHub> = createLink<FromHub, ToHub>(socket, {
    read: readFromHub,
    write: writeToHub,
    onMessage: message => {
      if (message.is === 'got') { deliver(message); return }
      if (message.is === 'status') { participants.get(message.bus)?.setStatus(message.isConnected); return }
      const settle = waiting.get(message.question)
      waiting.delete(message.question)
      if (message.is === 'answer') settle?.answered(message.payload ?? new Uint8Array())
      else settle?.refused(new GatepostError(message.code, message.text))
    },
    onClose: () => {
      for (const { refused } of waiting.values()) refused(lostLink())
      waiting.clear()
      for (const participant of [...participants.values()]) participant.setStatus(false)
    }
  })

  function deliver ({ subscription, subject, payload, replyTo }: FromHub & { is: 'got' }): void {
    handlers.get(subscription)?.(subject, payload, replyTo === undefined ? undefined : answer => { link.send({ do: 'reply', to: replyTo, payload: answer }) })
  }

  const context: Context = {
    link,
    handlers,
    nextNumber: () => ++numbers,
    ask: async put => {
      if (!link.isOpen) throw noLink()
      const question = ++numbers
      return await new Promise<Uint8Array>((resolve, reject) => {
        waiting.set(question, { answered: resolve, refused: reject })
        link.send(put(question))
      })
    },
    forget: bus => { participants.delete(bus) }
  }
  return {
    connect: name => {
      const participant = new Participant(context, name)
      participants.set(participant.number, participant)
      return participant
    }
  }
}

/** What the participants of a process share. */
interface Context {
  readonly link: Link<ToHub>
  /** By the subscription's number. */
  readonly handlers: Map<number, BusHandler>
  readonly nextNumber: () => number
  readonly ask: (put: (question: number) => ToHub) => Promise<Uint8Array>
  readonly forget: (bus: number) => void
}

class Participant implements Bus {
  readonly kind = 'in-process'
  readonly maxPayloadBytes = maxPayloadBytes
  readonly number: number
  readonly #context: Context
  readonly #subscriptions = new Set<number>()
  readonly #statusHandlers = new Set<(isConnected: boolean) => void>()
  #isConnected: boolean
  #closing: Promise<void> | undefined

  constructor (context: Context, name: string) {
    this.#context = context
    this.number = context.nextNumber()
    this.#isConnected = context.link.isOpen
    context.link.send({ do: 'open', bus: this.number, name })
  }

  get isConnected (): boolean { return this.#isConnected }

  setStatus (isConnected: boolean): void {
    if (isConnected === this.#isConnected) return
    this.#isConnected = isConnected
    for (const handler of [...this.#statusHandlers]) handler(isConnected)
  }

  publish (subject: string, payload: Uint8Array): void {
    checkPayload(payload, maxPayloadBytes)
    if (this.#isConnected) this.#context.link.send({ do: 'publish', bus: this.number, subject, payload })
  }

  subscribe (subject: string, handler: BusHandler): () => void {
    const { link, handlers, nextNumber } = this.#context
    const subscription = nextNumber()
    handlers.set(subscription, handler)
    this.#subscriptions.add(subscription)
    link.send({ do: 'subscribe', bus: this.number, subscription, subject })
    return () => {
      if (!this.#subscriptions.delete(subscription)) return
      handlers.delete(subscription)
      link.send({ do: 'unsubscribe', subscription })
    }
  }

  async request (subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    checkPayload(payload, maxPayloadBytes)
    if (!this.#isConnected) throw noLink()
    return await this.#context.ask(question => ({ do: 'request', bus: this.number, question, subject, payload, timeoutMs }))
  }

  async roundTrip (): Promise<void> {
    if (!this.#isConnected) throw noLink()
    await this.#context.ask(question => ({ do: 'round-trip', bus: this.number, question }))
  }

  onStatus (handler: (isConnected: boolean) => void): () => void {
    this.#statusHandlers.add(handler)
    return () => { this.#statusHandlers.delete(handler) }
  }

  async close (): Promise<void> { await (this.#closing ??= this.#end()) }

  async #end (): Promise<void> {
    const { ask, handlers, forget } = this.#context
    await ask(question => ({ do: 'close', bus: this.number, question })).catch(() => {}) // the link is gone, and all with it
    forget(this.number)
    for (const subscription of this.#subscriptions) handlers.delete(subscription)
    this.setStatus(false)
    this.#statusHandlers.clear()
  }
}
