/** The bus of a process that another one of its machine has started: that one has the hub (machine-hub.ts). */
import type { Socket } from 'node:net'
import { GatepostError } from '../../../shared/contract/errors.js'
import { createLink, type Link } from '../../../shared/platform/link.js'
import type { Bus, BusHandler } from './bus.js'
import { checkPayload, lostLink, noLink } from './bus-errors.js'
import type { FromHub, ToHub } from './machine-link.js'

export interface MachineBus {
  /** A participant; its name must not be in use in this process. */
  readonly connect: (name: string) => Bus
}

const maxPayloadBytes = 1024 * 1024

type Settle = { readonly answered: (payload: Uint8Array) => void, readonly refused: (error: Error) => void }

/** Over a socket that is connected. A broken link is not made again: whoever has the hub is gone, and this process with it. */
export function createMachineBus (socket: Socket): MachineBus {
  const handlers = new Map<number, BusHandler>()
  const waiting = new Map<number, Settle>()
  /** By the bus's number: what hears that it was cut off, or is back. */
  const statusOf = new Map<number, (isConnected: boolean) => void>()
  let numbers = 0

  const link: Link<ToHub> = createLink<FromHub, ToHub>(socket, {
    onMessage: message => {
      if (message.is === 'got') { deliver(message); return }
      if (message.is === 'status') { statusOf.get(message.bus)?.(message.isConnected); return }
      const settle = waiting.get(message.question)
      waiting.delete(message.question)
      if (message.is === 'answer') settle?.answered(message.payload ?? new Uint8Array())
      else settle?.refused(new GatepostError(message.code, message.text))
    },
    onClose: () => {
      for (const { refused } of waiting.values()) refused(lostLink())
      waiting.clear()
      for (const setStatus of [...statusOf.values()]) setStatus(false)
    }
  })

  function deliver ({ subscription, subject, payload, replyTo }: FromHub & { is: 'got' }): void {
    handlers.get(subscription)?.(subject, payload, replyTo === undefined ? undefined : answer => { link.send({ do: 'reply', to: replyTo, payload: answer }) })
  }

  async function ask (put: (question: number) => ToHub): Promise<Uint8Array> {
    if (!link.isOpen) throw noLink()
    const question = ++numbers
    return await new Promise<Uint8Array>((resolve, reject) => {
      waiting.set(question, { answered: resolve, refused: reject })
      link.send(put(question))
    })
  }

  return { connect: name => createParticipant(name) }

  function createParticipant (name: string): Bus {
    const bus = ++numbers
    const subscriptions = new Set<number>()
    const statusHandlers = new Set<(isConnected: boolean) => void>()
    let isConnected = link.isOpen
    let closing: Promise<void> | undefined
    link.send({ do: 'open', bus, name })
    statusOf.set(bus, setStatus)

    function setStatus (now: boolean): void {
      if (now === isConnected) return
      isConnected = now
      for (const handler of [...statusHandlers]) handler(now)
    }

    async function end (): Promise<void> {
      await ask(question => ({ do: 'close', bus, question })).catch(() => {}) // the link is gone, and all with it
      statusOf.delete(bus)
      for (const subscription of subscriptions) handlers.delete(subscription)
      setStatus(false)
      statusHandlers.clear()
    }

    return {
      kind: 'in-process',
      maxPayloadBytes,
      get isConnected () { return isConnected },
      publish: (subject, payload) => {
        checkPayload(payload, maxPayloadBytes)
        if (isConnected) link.send({ do: 'publish', bus, subject, payload })
      },
      subscribe: (subject, handler) => {
        const subscription = ++numbers
        handlers.set(subscription, handler)
        subscriptions.add(subscription)
        link.send({ do: 'subscribe', bus, subscription, subject })
        return () => {
          if (!subscriptions.delete(subscription)) return
          handlers.delete(subscription)
          link.send({ do: 'unsubscribe', subscription })
        }
      },
      request: async (subject, payload, timeoutMs) => {
        checkPayload(payload, maxPayloadBytes)
        if (!isConnected) throw noLink()
        return await ask(question => ({ do: 'request', bus, question, subject, payload, timeoutMs }))
      },
      roundTrip: async () => {
        if (!isConnected) throw noLink()
        await ask(question => ({ do: 'round-trip', bus, question }))
      },
      onStatus: handler => {
        statusHandlers.add(handler)
        return () => { statusHandlers.delete(handler) }
      },
      close: async () => { await (closing ??= end()) }
    }
  }
}
