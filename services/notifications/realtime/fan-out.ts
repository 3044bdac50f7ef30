/**
 * Sends what is pending to live readers. What one turn of the event loop brings to a stream leaves together, encoded once for all its
 * readers of a form; where a crowd reads, what several turns bring does (fan-out-policy.ts). A frame that has grown large leaves at once.
 */
import { BatchWindow, crowd } from './fan-out-policy.js'
import type { EntryForm } from '../log/entry-form.js'
import type { HubStream, StreamReader } from './local-stream.js'
import { entriesFrame, type Frame } from './transport/frame.js'

export interface FanOut {
  /** The stream has nothing pending, and is pushed something in this turn: its frame is due at the end of the turn, or of its window. */
  schedule: (stream: HubStream) => void
  /** Sends what is pending, if that makes a large frame already. */
  flushLarge: (stream: HubStream) => void
  /** Sends what is pending, now. */
  flush: (stream: HubStream) => void
  flushAll: () => void
  close: () => void
}

const maxFrameChars = 256 * 1024

/** `noteWritten` is called once for each frame that went to the stream's live readers: to how many, with what lies beyond `after`, up to `upTo`. */
export function createFanOut (noteWritten: (stream: HubStream, after: number, upTo: number, readers: number) => void = () => {}): FanOut {
  const withPending = new Set<HubStream>()
  let isScheduled = false
  let windowTimer: NodeJS.Timeout | undefined

  function flushDue (): void {
    isScheduled = false
    let leastMs = Infinity
    for (const stream of withPending) {
      const leftMs = stream.dueAt === 0 ? 0 : stream.dueAt - performance.now()
      if (leftMs > 0) leastMs = Math.min(leastMs, leftMs)
      else flush(stream)
    }
    if (leastMs === Infinity) return
    clearTimeout(windowTimer)
    windowTimer = setTimeout(flushDue, leastMs)
  }

  function flush (stream: HubStream): void {
    withPending.delete(stream)
    if (stream.pending.length === 0) return
    const taken = stream.takePending()
    const { live } = stream
    if (live.size === 0) return
    const frameFor = frameByForm(form => entriesFrame(form, stream.burstOf(taken, form)))
    const begun = live.size >= crowd ? performance.now() : 0
    for (const reader of live) reader.deliver(frameFor(reader))
    // Who was too slow for it is no longer live.
    noteWritten(stream, taken[0]!.prev, taken.at(-1)!.seq, live.size)
    if (begun === 0) { stream.batchWindow = undefined; return }
    stream.batchWindow ??= new BatchWindow()
    stream.batchWindow.handedOut(taken.length, begun, performance.now())
  }

  function flushAll (): void {
    for (const stream of withPending) flush(stream)
  }

  return {
    schedule: stream => {
      stream.dueAt = stream.batchWindow === undefined ? 0 : stream.batchWindow.dueAt(performance.now())
      withPending.add(stream)
      if (isScheduled) return
      isScheduled = true
      setImmediate(flushDue)
    },
    flushLarge: stream => { if (stream.pendingChars > maxFrameChars) flush(stream) },
    flush,
    flushAll,
    close: () => {
      flushAll()
      clearTimeout(windowTimer)
    }
  }
}

/** Makes a frame once for each form that the readers have, one after the other: most have the same. */
export function frameByForm (frameOf: (form: EntryForm) => Frame): (reader: Pick<StreamReader, 'form'>) => Frame {
  let form: EntryForm | undefined
  let frame: Frame | undefined
  let frames: Map<EntryForm, Frame> | undefined
  return reader => {
    if (frame !== undefined && reader.form === form) return frame
    if (form !== undefined && frame !== undefined) (frames ??= new Map()).set(form, frame)
    form = reader.form
    frame = frames?.get(form) ?? frameOf(form)
    return frame
  }
}
