/**
 * Posts a batch to Gate and settles what its answer settles. Returns what is to be tried again: a failed try keeps the order, and what
 * one message is refused for holds back no other.
 */
import { clientDeadlines } from './deadlines.js'
import { asGatepostError, GatepostError, isTokenRefused, unreachable } from './errors.js'
import type { GateClient } from './gate-client.js'
import { isProxyRefusal, judgeFailure, outcomeUnknown } from './outgoing.js'
import type { ProducerQueue, QueuedMessage } from './producer-queue.js'

export interface PostOptions {
  gate: GateClient
  queue: Pick<ProducerQueue, 'finish' | 'fail'>
  signal: AbortSignal
  requestTimeoutMs: number
}

/** What is to be tried again, in its order, and why. */
export interface PostOutcome { readonly again: QueuedMessage[], readonly error?: GatepostError }

interface BatchResult { status: number, id?: string, createdAt?: string, duplicate?: boolean, code?: string, message?: string }

interface Failure { readonly item: QueuedMessage, readonly error: GatepostError }

/** So often a proxy may refuse a message alone, with pauses in between, before it is the message's own fault. */
const maxRefusals = 5

export function createBatchPost ({ gate, queue, signal, requestTimeoutMs }: PostOptions): (batch: readonly QueuedMessage[]) => Promise<PostOutcome> {
  async function post (batch: readonly QueuedMessage[]): Promise<PostOutcome> {
    const live = batch.filter(isLive)
    if (live.length === 0) return { again: [] }
    let results: BatchResult[]
    try { results = await request(live) } catch (caught) {
      const error = asGatepostError(caught)
      // A token that was refused although it was renewed says no to all of them.
      if (isTokenRefused(error)) {
        for (const item of live) queue.fail(item, error)
        return { again: [] }
      }
      if (isProxyRefusal(error)) return await postApart(live, error)
      return keep(live.map(item => ({ item, error })))
    }
    const failures: Failure[] = []
    for (const [index, item] of live.entries()) {
      const { status, id, createdAt, duplicate = false, code, message } = results[index] as BatchResult
      if (status < 300 && id !== undefined && createdAt !== undefined) queue.finish(item, { id, createdAt, duplicate })
      else failures.push({ item, error: new GatepostError(code ?? 'GP_INTERNAL', message ?? `status ${status}`, { status }) })
    }
    return keep(failures)
  }

  /** Starts the key's time with the first try; a message whose time is over is failed. */
  function isLive (item: QueuedMessage): boolean {
    if (item.isSettled) return false
    const nowMs = Date.now()
    item.attemptedAtMs ??= nowMs
    if (nowMs - item.attemptedAtMs <= clientDeadlines.keyLifeMs) return true
    queue.fail(item, outcomeUnknown())
    return false
  }

  async function request (items: readonly QueuedMessage[]): Promise<BatchResult[]> {
    const body = `[${items.map(item => item.text).join(',')}]`
    const reply = await gate.call('/gate/messages', { method: 'POST', body, timeoutMs: requestTimeoutMs, signal })
    const results = (reply.body as { results?: BatchResult[] } | undefined)?.results ?? []
    if (results.length !== items.length) throw unreachable('Gate', new Error(`${items.length} messages, ${results.length} results`))
    return results
  }

  /** A proxy takes no batch of this size, or not with one of these in it: the others must not wait for that one. */
  async function postApart (refused: QueuedMessage[], error: GatepostError): Promise<PostOutcome> {
    const [item, ...others] = refused
    if (item !== undefined && others.length === 0) {
      item.refusals += 1
      const isForGood = error.status === 413 || item.refusals >= maxRefusals
      return keep([{ item, error: isForGood ? new GatepostError(error.code, error.message, { cause: error, status: error.status, retry: 'never' }) : error }])
    }
    const middle = Math.ceil(refused.length / 2)
    const first = await post(refused.slice(0, middle))
    // In order: what could not be sent yet holds back what comes after it only where the way itself is broken.
    if (signal.aborted || (first.error !== undefined && !isProxyRefusal(first.error))) return { ...first, again: [...first.again, ...refused.slice(middle)] }
    const second = await post(refused.slice(middle))
    const last = second.error ?? first.error
    return { again: [...first.again, ...second.again], ...last === undefined ? {} : { error: last } }
  }

  /** Keeps what another try may mend; the rest is failed. */
  function keep (failures: readonly Failure[]): PostOutcome {
    const again: QueuedMessage[] = []
    let last: GatepostError | undefined
    for (const { item, error } of failures) {
      if (item.isSettled) continue
      if (error.code === 'GP_INTERNAL') item.internalErrors += 1
      const verdict = judgeFailure(error, item)
      if (verdict === 'again') {
        again.push(item)
        last = error
      } else queue.fail(item, verdict === 'unknown' ? outcomeUnknown(error) : error)
    }
    return last === undefined ? { again } : { again, error: last }
  }

  return post
}
