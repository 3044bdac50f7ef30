import { checkOptions } from './arguments.js'
import { createBackoff } from './backoff.js'
import { asGatepostError, closedError, GatepostError, isTokenRefused, unreachable } from './errors.js'
import { createGateClient } from './gate-client.js'
import { clientDeadlines } from './deadlines.js'
import { newKey } from './key.js'
import { encodeMessage, isProxyRefusal, judgeFailure, lateError, outcomeUnknown, type SendOptions } from './outgoing.js'
import { maxTimerMs, pause } from './pause.js'
import type { OutgoingMessage, Target } from './protocol.js'
import { createTokens, type TokenSource } from './tokens.js'

export interface ProducerOptions {
  /** Gate's address. */
  gate: string
  /** A token of scope `producer`, or a function that gives one. */
  token: TokenSource
  /** How many messages, and bytes of them, may wait; what comes above is refused with GP_QUEUE_FULL. */
  maxQueued?: number
  maxQueuedBytes?: number
  /** What went wrong and is tried again. */
  onError?: (error: GatepostError) => unknown
  timing?: { requestTimeoutMs?: number, retryBaseMs?: number }
}

export interface Produced {
  readonly id: string
  readonly createdAt: string
  /** An earlier try, or an earlier run under the same key, had stored it already. */
  readonly duplicate: boolean
}

export interface Producer {
  readonly queued: number
  /** Resolves when the message is stored (a volatile one: handed on). Messages to one target are stored in the order of the calls. */
  send (message: OutgoingMessage, options?: SendOptions): Promise<Produced>
  /** Takes back a message of this producer; `to` as it was sent. */
  recall (id: string, to: Target): Promise<void>
  /** Sends what waits, at most `deadlineMs` (10 s); the rest is rejected with GP_CLOSED. May be called again. */
  close (options?: { deadlineMs?: number }): Promise<void>
}

interface Waiting {
  text: string
  bytes: number
  volatile: boolean
  attemptedAtMs?: number
  internalErrors: number
  /** How often something between here and Gate has refused it alone. */
  refusals: number
  isSettled: boolean
  resolve: (produced: Produced) => void
  reject: (error: GatepostError) => void
}

interface BatchResult { status: number, id?: string, createdAt?: string, duplicate?: boolean, code?: string, message?: string }

const maxBatch = 1_000
/** So often a proxy may refuse a message alone, with pauses in between, before it is the message's own fault. */
const maxRefusals = 5
const maxBatchBytes = 8 * 1024 * 1024

/**
 * One batch is under way at a time, and what fails goes back to the front of the queue: so messages to one target
 * keep their order, and a burst becomes few requests.
 */
export function createProducer (options: ProducerOptions): Producer {
  checkOptions(options, ['onError'])
  const { maxQueued = 10_000, maxQueuedBytes = 64 * 1024 * 1024, onError } = options
  const { requestTimeoutMs = clientDeadlines.producerRequestMs, retryBaseMs = 250 } = options.timing ?? {}
  const gate = createGateClient({ gate: options.gate, tokens: createTokens(options.token) })
  const backoff = createBackoff({ baseMs: retryBaseMs, maxMs: 15_000 })
  const stop = new AbortController()

  let waiting: Waiting[] = []
  let queuedCount = 0
  let queuedBytes = 0
  let state: 'open' | 'closing' | 'closed' = 'open'
  let running: Promise<void> | undefined
  let closed: Promise<void> | undefined

  const isStopped = (): boolean => stop.signal.aborted

  function settled (item: Waiting): void {
    if (item.isSettled) return
    item.isSettled = true
    queuedCount -= 1
    queuedBytes -= item.bytes
  }

  function finish (item: Waiting, produced: Produced): void {
    settled(item)
    item.resolve(produced)
  }

  function fail (item: Waiting, error: GatepostError): void {
    settled(item)
    item.reject(error)
  }

  function nextBatch (): Waiting[] {
    let bytes = 2
    let count = 0
    for (const item of waiting) {
      bytes += item.bytes + 1
      if (count === maxBatch || bytes > maxBatchBytes) break
      count += 1
    }
    return waiting.splice(0, count)
  }

  async function run (): Promise<void> {
    while (waiting.length > 0 && !isStopped()) {
      const { again, error } = await post(nextBatch())
      waiting = again.length === 0 ? waiting : [...again, ...waiting]
      if (error === undefined) {
        backoff.reset()
        continue
      }
      void Promise.resolve(error).then(onError)
      await pause(backoff.next(error.retryAfterMs), stop.signal)
    }
    running = undefined
  }

  /** What is to be tried again, in its order, and why. */
  async function post (batch: Waiting[]): Promise<{ again: Waiting[], error?: GatepostError }> {
    const nowMs = Date.now()
    const live = batch.filter(item => {
      if (item.isSettled) return false
      item.attemptedAtMs ??= nowMs
      if (nowMs - item.attemptedAtMs <= clientDeadlines.keyLifeMs) return true
      fail(item, outcomeUnknown())
      return false
    })
    if (live.length === 0) return { again: [] }
    let results: BatchResult[]
    try {
      const { body } = await gate.call('/gate/messages', {
        method: 'POST',
        body: `[${live.map(item => item.text).join(',')}]`,
        timeoutMs: requestTimeoutMs,
        signal: stop.signal
      })
      results = (body as { results?: BatchResult[] } | undefined)?.results ?? []
      if (results.length !== live.length) throw unreachable('Gate', new Error(`${live.length} messages, ${results.length} results`))
    } catch (caught) {
      const error = asGatepostError(caught)
      // A token that was refused although it was renewed says no to all of them.
      if (isTokenRefused(error)) {
        for (const item of live) fail(item, error)
        return { again: [] }
      }
      if (isProxyRefusal(error)) return await postApart(live, error)
      return keep(live.map(item => ({ item, error })))
    }
    const failures: Array<{ item: Waiting, error: GatepostError }> = []
    for (const [index, item] of live.entries()) {
      const { status, id, createdAt, duplicate = false, code, message } = results[index] as BatchResult
      if (status < 300 && id !== undefined && createdAt !== undefined) finish(item, { id, createdAt, duplicate })
      else failures.push({ item, error: new GatepostError(code ?? 'GP_INTERNAL', message ?? `status ${status}`, { status }) })
    }
    return keep(failures)
  }

  /** A proxy takes no batch of this size, or not with one of these in it: the others must not wait for that one. */
  async function postApart (refused: Waiting[], error: GatepostError): Promise<{ again: Waiting[], error?: GatepostError }> {
    const [item, ...others] = refused
    if (item !== undefined && others.length === 0) {
      item.refusals += 1
      const isForGood = error.status === 413 || item.refusals >= maxRefusals
      return keep([{ item, error: isForGood ? new GatepostError(error.code, error.message, { cause: error, status: error.status, retry: 'never' }) : error }])
    }
    const middle = Math.ceil(refused.length / 2)
    const first = await post(refused.slice(0, middle))
    // In order: what could not be sent yet holds back what comes after it only where the way itself is broken.
    if (isStopped() || (first.error !== undefined && !isProxyRefusal(first.error))) return { ...first, again: [...first.again, ...refused.slice(middle)] }
    const second = await post(refused.slice(middle))
    const last = second.error ?? first.error
    return { again: [...first.again, ...second.again], ...last === undefined ? {} : { error: last } }
  }

  function keep (failures: Array<{ item: Waiting, error: GatepostError }>): { again: Waiting[], error?: GatepostError } {
    const again: Waiting[] = []
    let last: GatepostError | undefined
    for (const { item, error } of failures) {
      if (item.isSettled) continue
      if (error.code === 'GP_INTERNAL') item.internalErrors += 1
      const verdict = judgeFailure(error, item)
      if (verdict === 'refused') fail(item, error)
      else if (verdict === 'unknown') fail(item, outcomeUnknown(error))
      else {
        again.push(item)
        last = error
      }
    }
    return last === undefined ? { again } : { again, error: last }
  }

  return {
    get queued () { return queuedCount },
    async send (message, { idempotencyKey = newKey(), deadlineMs } = {}) {
      if (state !== 'open') throw closedError('producer')
      const { text, bytes } = encodeMessage(typeof message === 'object' && message !== null ? { ...message, idempotencyKey } as OutgoingMessage : message)
      if (queuedCount >= maxQueued || queuedBytes + bytes > maxQueuedBytes) {
        throw new GatepostError('GP_QUEUE_FULL', `${queuedCount} messages (${queuedBytes} bytes) wait to be sent already`)
      }
      queuedCount += 1
      queuedBytes += bytes
      return await new Promise<Produced>((resolve, reject) => {
        const item: Waiting = { text, bytes, volatile: message.volatile === true, internalErrors: 0, refusals: 0, isSettled: false, resolve, reject }
        waiting.push(item)
        if (deadlineMs !== undefined) {
          setTimeout(() => {
            if (item.isSettled) return
            waiting = waiting.filter(other => other !== item)
            fail(item, lateError(deadlineMs, item.attemptedAtMs !== undefined))
          }, Math.min(deadlineMs, maxTimerMs))
        }
        // In the next turn: what is sent in this one goes out together.
        running ??= new Promise<void>(resolve => setTimeout(resolve, 0)).then(run)
      })
    },
    async recall (id, to) {
      if (state === 'closed') throw closedError('producer')
      await gate.call(`/gate/messages/${encodeURIComponent(id)}/recall`, { method: 'POST', body: JSON.stringify({ to }), timeoutMs: requestTimeoutMs })
    },
    async close ({ deadlineMs = 10_000 } = {}) {
      closed ??= (async () => {
        state = 'closing'
        const over = new AbortController()
        if (running !== undefined) await Promise.race([running, pause(deadlineMs, over.signal)])
        over.abort()
        state = 'closed'
        stop.abort()
        await running
        for (const item of waiting.splice(0)) fail(item, closedError('producer'))
      })()
      await closed
    }
  }
}
