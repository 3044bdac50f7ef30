/** Deletes what is past its `purgeAt`, in small transactions, once in a while. It goes by the clock of the store (lmdb-clock.ts). */
import type { DiskRoom } from './disk-room.js'
import type { LmdbClock } from './lmdb-clock.js'
import { purgeAtOf } from './lmdb-encoding.js'
import type { LmdbReader } from './lmdb-reader.js'
import { duePurges, type DuePurge, type LmdbWriter, type openTables, type WriteView } from './lmdb-writer.js'
import { collectionNames, type CollectionName } from './store.js'

export interface LmdbSweeperOptions {
  readonly tables: ReturnType<typeof openTables>
  readonly reader: Pick<LmdbReader, 'reading'>
  readonly writer: Pick<LmdbWriter, 'write'>
  readonly room: Pick<DiskRoom, 'refusal'>
  readonly clock: LmdbClock
  /** 0 = only when `sweep` is called. */
  readonly intervalMs: number
  readonly log: Record<'error' | 'warn' | 'info', (fields: object, text: string) => void> | undefined
}

const sweepBatch = 500
/** While the disk is full. */
const tightSweepBatch = 20

export class LmdbSweeper {
  readonly #options: LmdbSweeperOptions
  readonly #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<unknown> | undefined
  /** Purging waits for the wall clock, as the log has said. */
  #isWaiting = false
  #isClosed = false

  constructor (options: LmdbSweeperOptions) {
    this.#options = options
    this.#timer = options.intervalMs > 0 ? setInterval(() => { this.#sweepInBackground() }, options.intervalMs).unref() : undefined
  }

  /** What keeps purging waiting; empty where nothing does. */
  notes (): string[] {
    const leadMs = this.#options.clock.leadMs()
    return leadMs === 0 ? [] : [purgingWaits(leadMs)]
  }

  /** Returns how many documents went. */
  async sweep (): Promise<number> {
    const { tables, reader, writer, room, clock, log } = this.#options
    let removed = 0
    this.#logWaiting()
    // Without it the next start believes less of the clock, and purges later.
    await clock.write().catch((err: unknown) => { if (!this.#isClosed) log?.warn({ event: 'purge-clock', err }, 'the time could not be written to clock.json') })
    const dueMs = clock.timeMs()
    for (const collection of collectionNames) {
      for (;;) {
        const due = await reader.reading(() => duePurges(tables[collection], dueMs, room.refusal() === undefined ? sweepBatch : tightSweepBatch))
        if (due.length === 0) break
        const result = await writer.write({ docs: due.reduce((sum, { keys }) => sum + keys.length + 1, 0), bytes: 0, isPurge: true }, view => sweepInto(view, collection, due, dueMs))
        if ('refused' in result || result.commit.state !== 'committed') return removed
        removed += result.decided
      }
    }
    return removed
  }

  /** No sweep begins any more; one that is under way ends early. */
  stop (): void {
    this.#isClosed = true
    clearInterval(this.#timer)
  }

  async ended (): Promise<void> { await this.#sweeping }

  #sweepInBackground (): void {
    this.#sweeping ??= this.sweep()
      .catch((err: unknown) => { if (!this.#isClosed) this.#options.log?.error({ err }, 'expired documents could not be deleted') })
      .finally(() => { this.#sweeping = undefined })
  }

  /** Logs once when purging begins to wait for the wall clock, and when it goes by it again. */
  #logWaiting (): void {
    const { clock, log } = this.#options
    const leadMs = clock.leadMs()
    if ((leadMs !== 0) === this.#isWaiting) return
    this.#isWaiting = leadMs !== 0
    if (this.#isWaiting) log?.warn({ event: 'purge-clock', leadMs: Math.round(leadMs) }, `${purgingWaits(leadMs)}; nothing to do where it is right: it is believed after a day; else set it`)
    else log?.info({ event: 'purge-clock', leadMs: 0 }, 'purging goes by the clock again')
  }
}

/** `leadMs` is not 0. */
function purgingWaits (leadMs: number): string {
  const hours = Math.round(Math.abs(leadMs) / 3_600_000)
  return `purging waits: the clock is ${hours} h ${leadMs > 0 ? 'ahead of' : 'behind'} the time that this store has seen pass`
}

/** The document goes only if its own `purgeAt` is past: it may have been prolonged since the index entry was made. */
function sweepInto (view: WriteView, collection: CollectionName, due: readonly DuePurge[], nowMs: number): number {
  let removed = 0
  for (const { index, keys } of due) {
    for (const key of keys) {
      const current = view.current(collection, key)
      const purgeAt = current === undefined ? null : purgeAtOf(current)
      if (purgeAt === null || purgeAt > nowMs) continue
      view.remove(collection, key)
      removed++
    }
    view.dropPurge(collection, index)
  }
  return removed
}
