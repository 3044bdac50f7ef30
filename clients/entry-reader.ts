/**
 * The way of stored entries from the sockets to the application: the sequencer finds what comes next, delivery hands it over, and
 * a catch-up asks the node for what is missing.
 */
import { createCatchUp } from './catch-up.js'
import { createDelivery, type DeliveryOptions } from './delivery.js'
import type { Link } from './link.js'
import type { Cursors, Entry } from './protocol.js'
import { createSequencer } from './sequencer.js'

export interface EntryReader {
  /** The last entry taken of each stream; undefined before the reader has begun. */
  cursors (): Cursors | undefined
  begin (cursors: Cursors): void
  /** A node has said what the user sees. `isMove`: the socket before is still open. */
  onHeads (heads: Cursors, isMove: boolean): void
  take (entry: Entry): void
  catchUp (): void
  /** Waits for the callback that runs now, at most `deadlineMs`; starts no other. */
  close (deadlineMs: number): Promise<void>
}

export interface EntryReaderOptions extends Omit<DeliveryOptions, 'maxWaiting'> {
  link: () => Link | undefined
}

const maxWaitingEntries = 2_000

export function createEntryReader ({ link, onEntry, onMoved, onError, retryBaseMs }: EntryReaderOptions): EntryReader {
  const sequencer = createSequencer()
  const delivery = createDelivery({ onEntry, onMoved, onError, maxWaiting: maxWaitingEntries, retryBaseMs })
  const catchUp = createCatchUp({
    link,
    cursors: () => sequencer.tails(),
    take: ({ entries }, asked) => { for (const entry of entries) take(entry, asked) },
    room: () => delivery.room(),
    onError,
    retryBaseMs
  })

  function take (entry: Entry, asked?: Cursors): void {
    // Without room it is left for a later `sync`, as if it had not come.
    const verdict = delivery.hasRoom() ? sequencer.take(entry, asked) : 'hole'
    if (verdict === 'next') delivery.push(entry)
    else if (verdict === 'hole') catchUp.begin()
  }

  function begin (cursors: Cursors): void {
    sequencer.begin(cursors)
    delivery.begin(cursors)
  }

  return {
    cursors: () => sequencer.hasBegun ? sequencer.tails() : undefined,
    begin,
    onHeads (heads, isMove) {
      // Kept at once: what comes between now and a reconnect must not count as "before the first time".
      if (!sequencer.hasBegun) return begin(heads)
      // During a move the old socket may still bring entries of a group just left; forgetting it would let them in twice.
      if (isMove) return
      sequencer.keepOnly(heads)
      delivery.keepOnly(heads)
    },
    take: entry => { take(entry) },
    catchUp: () => { catchUp.begin() },
    async close (deadlineMs) {
      catchUp.close()
      await delivery.close(deadlineMs)
    }
  }
}
