/**
 * The bus of the processes of one machine, in the process that starts the others: each link brings participants of the in-process
 * bus. What a process does not take in time is lost for it, as NATS loses for a slow consumer: dispatch notices.
 */
import { GatepostError } from '../../../shared/contract/errors.js'
import { createLink, type Link } from '../../../shared/platform/link.js'
import type { Socket } from 'node:net'
import type { Bus } from './bus.js'
import type { InProcessBus } from './in-process-bus.js'
import { readToHub, writeFromHub, type FromHub, type ToHub } from './machine-link.js'

const maxWaitingBytes = 64 * 1024 ** 2
/** Questions whose answers may still come: whoever asked has given up the oldest long before. */
const maxUnanswered = 100_000

/** Takes a process's link. Its participants leave with it. `name`: of no other process, gone or not. */
export function joinHub (hub: InProcessBus, name: string, socket: Socket): void {
  const participants = new Map<number, Bus>()
  const subscriptions = new Map<number, () => void>()
  const replies = new Map<number, (payload: Uint8Array) => void>()
  let asked = 0

  const link: Link<FromHub> = createLink<ToHub, FromHub>(socket, {
    read: readToHub,
    write: writeFromHub,
    onMessage: handle,
    onClose: () => { for (const bus of participants.values()) void bus.close() }
  })

  function handle (message: ToHub): void {
    switch (message.do) {
      case 'open': open(message); return
      case 'publish': participants.get(message.bus)?.publish(message.subject, message.payload); return
      case 'subscribe': subscribe(message); return
      case 'unsubscribe':
        subscriptions.get(message.subscription)?.()
        subscriptions.delete(message.subscription)
        return
      case 'reply':
        replies.get(message.to)?.(message.payload)
        replies.delete(message.to)
        return
      case 'request': answer(message, async bus => await bus.request(message.subject, message.payload, message.timeoutMs)); return
      case 'round-trip': answer(message, async bus => { await bus.roundTrip() }); return
      case 'close': answer(message, async bus => {
        participants.delete(message.bus)
        await bus.close()
      })
    }
  }

  function open ({ bus, name: ownName }: ToHub & { do: 'open' }): void {
    const participant = hub.connect(`${name} ${ownName}`)
    participants.set(bus, participant)
    participant.onStatus(isConnected => { link.send({ is: 'status', bus, isConnected }) })
  }

  function subscribe ({ bus, subscription, subject }: ToHub & { do: 'subscribe' }): void {
    const end = participants.get(bus)?.subscribe(subject, (subject, payload, reply) => {
      if (link.waitingBytes() > maxWaitingBytes) return
      link.send({ is: 'got', subscription, subject, payload, replyTo: reply === undefined ? undefined : awaitReply(reply) })
    })
    if (end !== undefined) subscriptions.set(subscription, end)
  }

  function awaitReply (reply: (payload: Uint8Array) => void): number {
    const [oldest] = replies.size < maxUnanswered ? [] : replies.keys()
    if (oldest !== undefined) replies.delete(oldest)
    replies.set(++asked, reply)
    return asked
  }

  function answer ({ bus: number, question }: { readonly bus: number, readonly question: number }, ask: (bus: Bus) => Promise<Uint8Array | void>): void {
    const bus = participants.get(number)
    if (bus === undefined) { link.send({ is: 'refused', question, code: 'GP_DISPATCH_UNAVAILABLE', text: 'dispatch has no link' }); return }
    ask(bus).then(
      payload => { link.send({ is: 'answer', question, ...payload instanceof Uint8Array && { payload } }) },
      (error: unknown) => {
        const { code, message: text } = error instanceof GatepostError ? error : new GatepostError('GP_INTERNAL', 'the bus failed')
        link.send({ is: 'refused', question, code, text })
      }
    )
  }
}
