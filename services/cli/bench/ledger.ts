/** What was sent and what came, message by message and stream by stream. Pure: the clock is the caller's. */
import { createHistogram, type Histogram } from './histogram.js'

/** What a reader is sent, as far as the ledger looks. */
export interface SeenEntry {
  readonly type: string
  readonly stream?: string
  readonly seq?: number
  readonly prev?: number
  readonly boxes?: readonly string[]
  readonly data?: { readonly run?: string, readonly n?: number } | null
}

export interface Totals {
  /** Messages that were accepted. */
  readonly accepted: number
  /** Messages that were refused, or not answered. */
  readonly failed: number
  readonly expected: number
  readonly deliveries: number
  readonly lost: number
  readonly duplicates: number
  readonly orderFaults: number
}

export interface Ledger {
  /** A new message for so many readers; its number. */
  send: (nowMs: number, readers: number) => number
  accept: (n: number) => void
  fail: (n: number) => void
  /** One reader's view; `heads` are the seqs that it starts from. */
  reader: (heads: Readonly<Record<string, number>>) => (entries: readonly SeenEntry[], nowMs: number) => void
  readonly latency: Histogram
  totals: () => Totals
}

export function createLedger (run: string): Ledger {
  const sentAtMs: number[] = []
  const readersOf: number[] = []
  const came: number[] = []
  const isAccepted: boolean[] = []
  const latency = createHistogram()
  let failed = 0
  let deliveries = 0
  let duplicates = 0
  let orderFaults = 0

  function deliver (n: number, nowMs: number): void {
    const sent = sentAtMs[n]
    if (sent === undefined) return
    came[n]!++
    deliveries++
    latency.add(nowMs - sent)
  }

  return {
    latency,
    send (nowMs, readers) {
      const n = sentAtMs.push(nowMs) - 1
      readersOf.push(readers)
      came.push(0)
      isAccepted.push(false)
      return n
    },
    accept (n) { isAccepted[n] = true },
    fail () { failed++ },
    reader (heads) {
      const last = new Map(Object.entries(heads))
      return (entries, nowMs) => {
        for (const { type, stream, seq, prev, boxes, data } of entries) {
          if (stream === undefined || seq === undefined) continue
          const before = last.get(stream) ?? 0
          if (seq <= before) {
            duplicates++
            continue
          }
          if (prev !== before) orderFaults++
          last.set(stream, seq)
          // The sender's own copy is no delivery.
          if (type === 'message' && data?.run === run && data.n !== undefined && boxes?.includes('inbox') === true) deliver(data.n, nowMs)
        }
      }
    },
    totals () {
      let accepted = 0
      let expected = 0
      let lost = 0
      for (const [n, isIn] of isAccepted.entries()) {
        if (!isIn) continue
        accepted++
        expected += readersOf[n]!
        lost += Math.max(0, readersOf[n]! - came[n]!)
      }
      return { accepted, failed, expected, deliveries, lost, duplicates, orderFaults }
    }
  }
}
