import { checkOptions } from './arguments.js'
import { createBackoff } from './backoff.js'
import { createBatchPost } from './batch-post.js'
import { clientDeadlines } from './deadlines.js'
import { closedError, type GatepostError } from './errors.js'
import { createGateClient } from './gate-client.js'
import { newKey } from './key.js'
import { encodeMessage, lateError, type SendOptions } from './outgoing.js'
import { maxTimerMs, pause } from './pause.js'
import { createProducerQueue, type Produced, type QueuedMessage } from './producer-queue.js'
import type { ProducerMessage, Target } from './protocol.js'
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

export type { Produced } from './producer-queue.js'

export interface Producer {
  readonly queued: number
  /** Resolves when the message is stored (a volatile one: handed on). Messages to one target are stored in the order of the calls. */
  send (message: ProducerMessage, options?: SendOptions): Promise<Produced>
  /** Takes back a message of this producer; `to` as it was sent. */
  recall (id: string, to: Target): Promise<void>
  /** Sends what waits, at most `deadlineMs` (10 s); the rest is rejected with GP_CLOSED. May be called again. */
  close (options?: { deadlineMs?: number }): Promise<void>
}

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

  const queue = createProducerQueue({ maxQueued, maxQueuedBytes })
  const post = createBatchPost({ gate, queue, signal: stop.signal, requestTimeoutMs })

  let state: 'open' | 'closing' | 'closed' = 'open'
  let running: Promise<void> | undefined
  let closed: Promise<void> | undefined

  async function run (): Promise<void> {
    while (!queue.isEmpty && !stop.signal.aborted) {
      const { again, error } = await post(queue.takeBatch())
      queue.putBack(again)
      if (error === undefined) {
        backoff.reset()
        continue
      }
      void Promise.resolve(error).then(onError)
      await pause(backoff.next(error.retryAfterMs), stop.signal)
    }
    running = undefined
  }

  return {
    get queued () { return queue.count },
    async send (message, { idempotencyKey = newKey(), deadlineMs } = {}) {
      if (state !== 'open') throw closedError('producer')
      const { text, bytes } = encodeMessage(typeof message === 'object' && message !== null ? { ...message, idempotencyKey } as ProducerMessage : message)
      return await new Promise<Produced>((resolve, reject) => {
        const item: QueuedMessage = { text, bytes, volatile: message.volatile === true, internalErrors: 0, refusals: 0, isSettled: false, resolve, reject }
        queue.push(item)
        if (deadlineMs !== undefined) {
          setTimeout(() => {
            if (item.isSettled) return
            queue.remove(item)
            queue.fail(item, lateError(deadlineMs, item.attemptedAtMs !== undefined))
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
        queue.failAll(closedError('producer'))
      })()
      await closed
    }
  }
}
