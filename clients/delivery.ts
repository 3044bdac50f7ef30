/**
 * Hands entries to the application one at a time, in the order they were taken. The cursor moves on when the
 * callback is done; one that fails gets the same entry again after a pause, and nothing overtakes it.
 */
import { createBackoff } from './backoff.js'
import { GatepostError } from './errors.js'
import { nextTask, pause } from './pause.js'
import type { Cursors, Entry } from './protocol.js'
import { advance } from './sequencer.js'

export interface Delivery {
  /** False while as many entries wait as may: what comes then is to be asked for again later. */
  hasRoom (): boolean
  /** Resolves when at least half of the room is free, or delivery has stopped. */
  room (): Promise<void>
  begin (cursors: Cursors): void
  push (entry: Entry): void
  keepOnly (heads: Cursors): void
  /** Waits for the callback that runs now, at most `deadlineMs`; starts no other. */
  close (deadlineMs: number): Promise<void>
}

export interface DeliveryOptions {
  onEntry: (entry: Entry, cursors: Cursors) => unknown
  /** The application is done with everything up to these cursors. */
  onMoved: (cursors: Cursors) => void
  onError: (error: GatepostError) => void
  maxWaiting: number
  retryBaseMs: number
}

/** So long the entries that wait may hold up a page that somebody looks at. */
const sliceMs = 10

/** Lets what else waits go first, where this has run for long. In a tab that nobody sees timers are slow, and nothing waits for a frame. */
function createSlice (): () => Promise<void> {
  let sinceMs = performance.now()
  return async () => {
    if (globalThis.document?.visibilityState !== 'visible' || performance.now() - sinceMs < sliceMs) return
    await nextTask()
    sinceMs = performance.now()
  }
}

export function createDelivery ({ onEntry, onMoved, onError, maxWaiting, retryBaseMs }: DeliveryOptions): Delivery {
  const stop = new AbortController()
  const backoff = createBackoff({ baseMs: retryBaseMs })
  let waiting: Entry[] = []
  let cursors: Cursors = {}
  let running: Promise<void> | undefined
  const wakes: Array<() => void> = []

  const stopped = (): boolean => stop.signal.aborted

  function wake (): void {
    if (waiting.length > maxWaiting / 2 && !stopped()) return
    for (const resolve of wakes.splice(0)) resolve()
  }

  async function run (): Promise<void> {
    const slice = createSlice()
    // Shifting a long array for each entry is quadratic: take all that wait, keep them counted until they are done.
    for (let at = 0; at < waiting.length && !stopped(); at += 1) {
      await deliver(waiting[at] as Entry)
      if (at >= 63) {
        waiting = waiting.slice(at + 1)
        at = -1
        wake()
        await slice()
      }
    }
    waiting = []
    running = undefined
    wake()
  }

  async function deliver (entry: Entry): Promise<void> {
    while (!stopped()) {
      const after = advance(cursors, entry)
      try {
        await onEntry(entry, after)
      } catch (cause) {
        onError(new GatepostError('GP_CALLBACK_FAILED', `onEntry failed at ${entry.stream} ${entry.seq}; it gets this entry again`, { cause }))
        await pause(backoff.next(), stop.signal)
        continue
      }
      backoff.reset()
      cursors = advance(cursors, entry)
      onMoved(cursors)
      return
    }
  }

  return {
    hasRoom: () => waiting.length < maxWaiting,
    async room () {
      if (waiting.length <= maxWaiting / 2 || stopped()) return
      await new Promise<void>(resolve => { wakes.push(resolve) })
    },
    begin (start) {
      cursors = { ...start }
      onMoved(cursors)
    },
    push (entry) {
      if (stopped()) return
      waiting.push(entry)
      running ??= Promise.resolve().then(run)
    },
    keepOnly (heads) {
      const kept = Object.entries(cursors).filter(([stream]) => Object.hasOwn(heads, stream))
      if (kept.length === Object.keys(cursors).length) return
      cursors = Object.fromEntries(kept)
      onMoved(cursors)
    },
    async close (deadlineMs) {
      stop.abort()
      wake()
      const late = new AbortController()
      if (running !== undefined) await Promise.race([running, pause(deadlineMs, late.signal)])
      late.abort()
    }
  }
}
