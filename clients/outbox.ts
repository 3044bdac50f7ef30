/**
 * A user's sends, one after the other, each under an idempotency key made before the first try: whatever is
 * retried, after a lost answer, a lost node or a restart of the device, is stored once.
 */
import { createBackoff } from './backoff.js'
import { asGatepostError, closedError, GatepostError } from './errors.js'
import { clientDeadlines } from './deadlines.js'
import { newKey } from './key.js'
import type { Link } from './link.js'
import { encodeMessage, judgeFailure, lateError, outcomeUnknown, type SendOptions } from './outgoing.js'
import { maxTimerMs, pause } from './pause.js'
import type { OutgoingMessage, SendAnswer } from './protocol.js'
import type { Slot } from './storage.js'

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

interface Waiting {
  key: string
  message: OutgoingMessage
  /** When the first try began, ms since the epoch. */
  attemptedAtMs?: number
  internalErrors: number
  settle: (outcome: SendAnswer | GatepostError) => void
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
  const backoff = createBackoff({ baseMs: retryBaseMs })
  let waiting: Waiting[] = []
  let running = false
  let slot: Slot | undefined

  const save = async (): Promise<void> => { await slot?.save(asText(waiting)) }

  async function run (): Promise<void> {
    while (!stop.signal.aborted) {
      const first = waiting[0]
      const to = link()
      if (first === undefined || to === undefined) return
      const error = await attempt(first, to)
      if (error !== undefined) await pause(backoff.next(error.retryAfterMs), stop.signal)
    }
  }

  /** The error after which the same message is to be tried again. */
  async function attempt (item: Waiting, to: Link): Promise<GatepostError | undefined> {
    if (item.attemptedAtMs !== undefined && Date.now() - item.attemptedAtMs > clientDeadlines.keyLifeMs) return finish(item, outcomeUnknown())
    if (item.attemptedAtMs === undefined) {
      item.attemptedAtMs = Date.now()
      // Before the first try: a restart must know that the key's time runs.
      await save()
      if (stop.signal.aborted) return undefined
    }
    try {
      const answer = await to.request<SendAnswer>('send', { ...item.message, idempotencyKey: item.key })
      // It was told that it is closed, and lies in the storage with the others: the next run has it answered again.
      if (stop.signal.aborted) return undefined
      backoff.reset()
      return finish(item, answer)
    } catch (caught) {
      if (stop.signal.aborted) return undefined
      const error = asGatepostError(caught)
      if (error.code === 'GP_INTERNAL') item.internalErrors += 1
      const verdict = judgeFailure(error, { volatile: item.message.volatile === true, internalErrors: item.internalErrors })
      if (verdict === 'again') {
        if (error.code !== 'GP_UNREACHABLE') onError(error)
        return error
      }
      return finish(item, verdict === 'unknown' ? outcomeUnknown(error) : error)
    }
  }

  function finish (item: Waiting, outcome: SendAnswer | GatepostError): undefined {
    // Its deadline has come meanwhile.
    if (!waiting.includes(item)) return
    waiting = waiting.filter(other => other !== item)
    void save()
    item.settle(outcome)
    const { key: idempotencyKey, message } = item
    onSent({ idempotencyKey, message, ...(outcome instanceof GatepostError ? { error: outcome } : { answer: outcome }) })
  }

  function resume (): void {
    if (running) return
    running = true
    void run().finally(() => {
      running = false
      if (waiting.length > 0 && link() !== undefined && !stop.signal.aborted) resume()
    })
  }

  return {
    get waiting () { return waiting.length },
    async send (message, { idempotencyKey = newKey(), deadlineMs } = {}) {
      if (stop.signal.aborted) throw closedError('inbox')
      if (waiting.length >= maxWaiting) throw new GatepostError('GP_QUEUE_FULL', `${maxWaiting} messages wait to be sent already`)
      const copy = JSON.parse(encodeMessage(message).text) as OutgoingMessage
      const sent = new Promise<SendAnswer>((resolve, reject) => {
        const item: Waiting = {
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
      resume()
      return await sent
    },
    async restore (from) {
      const kept = asKept(await from.load())
      // Closed meanwhile: what lies there is the next run's.
      if (stop.signal.aborted) return
      slot = from
      const older = without(kept, waiting).map(item => ({ ...item, internalErrors: 0, settle: () => {} }))
      waiting = [...older, ...waiting]
      if (waiting.length > 0) await save()
    },
    resume,
    async close (find) {
      if (stop.signal.aborted) return
      stop.abort()
      // They stay in the storage, where there is one, and go out in the next run.
      const left = waiting.splice(0)
      for (const item of left) item.settle(closedError('inbox'))
      if (left.length === 0) return
      if (slot !== undefined) return await slot.save(asText(left))
      const found = await find()
      if (found !== undefined) await found.save([...without(asKept(await found.load()), left), ...asText(left)])
    }
  }
}

type Kept = Pick<Waiting, 'key' | 'message' | 'attemptedAtMs'>

const asText = (waiting: readonly Waiting[]): Kept[] => waiting.map(({ key, message, attemptedAtMs }) => ({ key, message, ...attemptedAtMs === undefined ? {} : { attemptedAtMs } }))

function without (kept: readonly Kept[], waiting: readonly Kept[]): Kept[] {
  const known = new Set(waiting.map(({ key }) => key))
  return kept.filter(({ key }) => !known.has(key))
}

function asKept (value: unknown): Kept[] {
  if (!Array.isArray(value)) return []
  return value.filter(item => {
    const { key, message } = (item ?? {}) as { key?: unknown, message?: unknown }
    return typeof key === 'string' && typeof message === 'object' && message !== null
  }) as Kept[]
}
