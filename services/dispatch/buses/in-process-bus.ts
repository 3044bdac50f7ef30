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
  /** Deliveries for which this is true are lost without a sign. Returns what ends it. */
  lose: (isLost: (delivery: Delivery) => boolean) => () => void
}

export interface Delivery { readonly from: string, readonly to: string, readonly subject: string }

interface Subscription { readonly matches: (subject: string) => boolean, readonly handler: BusHandler }

interface Participant {
  readonly name: string
  isConnected: boolean
  /** How many links had been made when this one was: what was published earlier is not for it. */
  linkedAt: number
  readonly subscriptions: Set<Subscription>
  readonly statusHandlers: Set<(isConnected: boolean) => void>
  /** Ends the waiting requests of this participant. */
  readonly waiting: Set<(error: Error) => void>
}

const defaultMaxPayloadBytes = 1024 * 1024

export function createInProcessBus ({ maxPayloadBytes = defaultMaxPayloadBytes }: { maxPayloadBytes?: number } = {}): InProcessBus {
  const participants = new Map<string, Participant>()
  const losses = new Set<(delivery: Delivery) => boolean>()
  let queue: Array<() => void> = []
  let links = 0

  function enqueue (deliver: () => void): void {
    if (queue.push(deliver) === 1) setImmediate(empty)
  }

  function empty (): void {
    const due = queue
    queue = []
    let done = 0
    try {
      for (const deliver of due) {
        done++
        deliver()
      }
    } finally {
      // Only a handler that broke its promise not to throw leaves something here: it must not cost the others theirs.
      if (done < due.length) {
        queue = [...due.slice(done), ...queue]
        setImmediate(empty)
      }
    }
  }

  /** How many handlers got it. */
  function deliver (from: Participant, publishedAt: number, subject: string, payload: Uint8Array, reply: ((payload: Uint8Array) => void) | undefined): number {
    let count = 0
    for (const to of participants.values()) {
      if (to === from || !to.isConnected || to.linkedAt > publishedAt) continue
      for (const subscription of [...to.subscriptions]) {
        if (!subscription.matches(subject)) continue
        count++
        if (isLost({ from: from.name, to: to.name, subject })) continue
        subscription.handler(subject, payload, reply && (answer => {
          if (to.isConnected) reply(answer)
        }))
      }
    }
    return count
  }

  function isLost (delivery: Delivery): boolean {
    for (const loses of losses) if (loses(delivery)) return true
    return false
  }

  function setConnected (name: string, isConnected: boolean): void {
    const participant = participants.get(name)
    if (participant === undefined) throw new Error(`no participant ${name}`)
    if (participant.isConnected === isConnected) return
    participant.isConnected = isConnected
    if (isConnected) participant.linkedAt = ++links
    if (!isConnected) for (const end of [...participant.waiting]) end(lostLink())
    for (const handler of [...participant.statusHandlers]) handler(isConnected)
  }

  return {
    connect (name) {
      if (participants.has(name)) throw new Error(`participant ${name} is connected already`)
      const self: Participant = { name, isConnected: true, linkedAt: ++links, subscriptions: new Set(), statusHandlers: new Set(), waiting: new Set() }
      participants.set(name, self)
      let closing: Promise<void> | undefined

      return {
        kind: 'in-process',
        maxPayloadBytes,
        get isConnected () { return self.isConnected },
        publish (subject, payload) {
          checkPayload(payload, maxPayloadBytes)
          if (!self.isConnected) return
          const publishedAt = links
          enqueue(() => { deliver(self, publishedAt, subject, payload, undefined) })
        },
        subscribe (subject, handler) {
          const subscription = { matches: createSubjectMatcher(subject), handler }
          self.subscriptions.add(subscription)
          return () => { self.subscriptions.delete(subscription) }
        },
        async request (subject, payload, timeoutMs) {
          checkPayload(payload, maxPayloadBytes)
          if (!self.isConnected) throw noLink()
          return await new Promise((resolve, reject) => {
            const end = (settle: () => void): void => {
              clearTimeout(timer)
              self.waiting.delete(abort)
              settle()
            }
            const abort = (error: Error): void => { end(() => { reject(error) }) }
            const timer = setTimeout(() => { abort(noAnswer(timeoutMs)) }, timeoutMs)
            self.waiting.add(abort)
            const publishedAt = links
            enqueue(() => {
              const count = deliver(self, publishedAt, subject, payload, answer => {
                enqueue(() => { end(() => { resolve(answer) }) })
              })
              if (count === 0) abort(nobodyListens())
            })
          })
        },
        async roundTrip () {
          if (!self.isConnected) throw noLink()
          await new Promise<void>(resolve => { enqueue(resolve) })
          if (!self.isConnected) throw noLink()
        },
        onStatus (handler) {
          self.statusHandlers.add(handler)
          return () => { self.statusHandlers.delete(handler) }
        },
        async close () {
          closing ??= new Promise<void>(resolve => {
            enqueue(() => {
              self.subscriptions.clear()
              if (participants.get(name) === self) participants.delete(name)
              self.isConnected = false
              for (const end of [...self.waiting]) end(lostLink())
              for (const handler of [...self.statusHandlers]) handler(false)
              self.statusHandlers.clear()
              resolve()
            })
          })
          await closing
        }
      }
    },
    disconnect (name) { setConnected(name, false) },
    reconnect (name) { setConnected(name, true) },
    lose (isLostHere) {
      losses.add(isLostHere)
      return () => { losses.delete(isLostHere) }
    }
  }
}
