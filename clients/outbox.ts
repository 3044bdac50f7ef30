/**
 * A user's sends, one after the other, each under an idempotency key made before the first try: whatever is
 * retried, after a lost answer, a lost node or a restart of the device, is stored once.
 */
import { closedError, GatepostError } from './errors.js'
import { newKey } from './key.js'
import type { Link } from './link.js'
import { encodeMessage, lateError, type SendOptions } from './outgoing.js'
import { maxTimerMs } from './pause.js'
import type { OutgoingMessage, SendAnswer } from './protocol.js'
import { createSendLoop } from './send-loop.js'
import type { Slot } from './storage.js'
import { asStored, storedSends, without, type WaitingSend } from './waiting-sends.js'

/** How a send ended, also one of an earlier run whose promise is gone. */
export interface SendOutcome {
  readonly idempotencyKey: string
  readonly message: OutgoingMessage
  readonly answer?: SendAnswer
  readonly error?: GatepostError
}

export type { SendOptions } from './outgoing.js'

export interface Outbox {
  send (message: OutgoingMessage, options?: SendOptions): Promise<SendAnswer>
  readonly waiting: number
  /** The user is known, and with it where the sends of an earlier run are kept. */
  restore (slot: Slot): Promise<void>
  /** There is a link again. */
  resume (): void
  /**
   * Ends it at once. Resolves when what still waits is in the storage; `find`: the storage, where nobody knew yet whose it is
   * (undefined: there is none).
   */
  close (find: () => Promise<Slot | undefined>): Promise<void>
}

export interface OutboxOptions {
  link: () => Link | undefined
  maxWaiting: number
  onSent: (outcome: SendOutcome) => void
  onError: (error: GatepostError) => void
  retryBaseMs: number
}

export function createOutbox ({ link, maxWaiting, onSent, onError, retryBaseMs }: OutboxOptions): Outbox {
  const stop = new AbortController()
  let waiting: WaitingSend[] = []
  let slot: Slot | undefined

  const save = async (): Promise<void> => { await slot?.save(asStored(waiting)) }
  const loop = createSendLoop({ first: () => waiting[0], link, save, onOutcome: finish, onError, signal: stop.signal, retryBaseMs })

  function finish (item: WaitingSend, outcome: SendAnswer | GatepostError): void {
    // Its deadline has come meanwhile.
    if (!waiting.includes(item)) return
    waiting = waiting.filter(other => other !== item)
    void save()
    item.settle(outcome)
    const { key: idempotencyKey, message } = item
    onSent({ idempotencyKey, message, ...(outcome instanceof GatepostError ? { error: outcome } : { answer: outcome }) })
  }

  return {
    get waiting () { return waiting.length },
    async send (message, { idempotencyKey = newKey(), deadlineMs } = {}) {
      if (stop.signal.aborted) throw closedError('inbox')
      if (waiting.length >= maxWaiting) throw new GatepostError('GP_QUEUE_FULL', `${maxWaiting} messages wait to be sent already`)
      const copy = JSON.parse(encodeMessage(message).text) as OutgoingMessage
      const sent = new Promise<SendAnswer>((resolve, reject) => {
        const item: WaitingSend = {
          key: idempotencyKey,
          message: copy,
          internalErrors: 0,
          settle: outcome => { if (outcome instanceof GatepostError) reject(outcome); else resolve(outcome) }
        }
        waiting.push(item)
        if (deadlineMs !== undefined) {
          setTimeout(() => { finish(item, lateError(deadlineMs, item.attemptedAtMs !== undefined)) }, Math.min(deadlineMs, maxTimerMs))
        }
      })
      void save()
      loop.resume()
      return await sent
    },
    async restore (from) {
      const stored = storedSends(await from.load())
      // Closed meanwhile: what lies there is the next run's.
      if (stop.signal.aborted) return
      slot = from
      const older = without(stored, waiting).map(item => ({ ...item, internalErrors: 0, settle: () => {} }))
      waiting = [...older, ...waiting]
      if (waiting.length > 0) await save()
    },
    resume: loop.resume,
    async close (find) {
      if (stop.signal.aborted) return
      stop.abort()
      // They stay in the storage, where there is one, and go out in the next run.
      const left = waiting.splice(0)
      for (const item of left) item.settle(closedError('inbox'))
      if (left.length === 0) return
      if (slot !== undefined) return await slot.save(asStored(left))
      const found = await find()
      if (found !== undefined) await found.save([...without(storedSends(await found.load()), left), ...asStored(left)])
    }
  }
}
