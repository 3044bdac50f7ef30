/** Tries the first of the sends that wait until its outcome is known, then the next: one at a time, so that they keep their order. */
import { createBackoff } from './backoff.js'
import { clientDeadlines } from './deadlines.js'
import { asGatepostError, type GatepostError } from './errors.js'
import type { Link } from './link.js'
import { judgeFailure, outcomeUnknown } from './outgoing.js'
import { pause } from './pause.js'
import type { SendAnswer } from './protocol.js'
import type { WaitingSend } from './waiting-sends.js'

export interface SendLoop {
  /** There is something to send, or a link again. */
  resume (): void
}

export interface SendLoopOptions {
  first: () => WaitingSend | undefined
  link: () => Link | undefined
  /** Writes down what waits. */
  save: () => Promise<void>
  onOutcome: (item: WaitingSend, outcome: SendAnswer | GatepostError) => void
  onError: (error: GatepostError) => void
  signal: AbortSignal
  retryBaseMs: number
}

export function createSendLoop ({ first, link, save, onOutcome, onError, signal, retryBaseMs }: SendLoopOptions): SendLoop {
  const backoff = createBackoff({ baseMs: retryBaseMs })
  let running = false

  async function run (): Promise<void> {
    while (!signal.aborted) {
      const item = first()
      const to = link()
      if (item === undefined || to === undefined) return
      const error = await attempt(item, to)
      if (error !== undefined) await pause(backoff.next(error.retryAfterMs), signal)
    }
  }

  /** The error after which the same message is to be tried again. */
  async function attempt (item: WaitingSend, to: Link): Promise<GatepostError | undefined> {
    if (item.attemptedAtMs !== undefined && Date.now() - item.attemptedAtMs > clientDeadlines.keyLifeMs) return finish(item, outcomeUnknown())
    if (item.attemptedAtMs === undefined) {
      item.attemptedAtMs = Date.now()
      // Before the first try: a restart must know that the key's time runs.
      await save()
      if (signal.aborted) return undefined
    }
    try {
      const answer = await to.request<SendAnswer>('send', { ...item.message, idempotencyKey: item.key })
      // Its sender was notified that the inbox is closed, and it lies in the storage: the next run has it answered again.
      if (signal.aborted) return undefined
      backoff.reset()
      return finish(item, answer)
    } catch (caught) {
      return signal.aborted ? undefined : onFailure(item, asGatepostError(caught))
    }
  }

  function onFailure (item: WaitingSend, error: GatepostError): GatepostError | undefined {
    if (error.code === 'GP_INTERNAL') item.internalErrors += 1
    const verdict = judgeFailure(error, { volatile: item.message.volatile === true, internalErrors: item.internalErrors })
    if (verdict !== 'again') return finish(item, verdict === 'unknown' ? outcomeUnknown(error) : error)
    if (error.code !== 'GP_UNREACHABLE') onError(error)
    return error
  }

  function finish (item: WaitingSend, outcome: SendAnswer | GatepostError): undefined { onOutcome(item, outcome) }

  function resume (): void {
    if (running) return
    running = true
    void run().finally(() => {
      running = false
      if (first() !== undefined && link() !== undefined && !signal.aborted) resume()
    })
  }

  return { resume }
}
