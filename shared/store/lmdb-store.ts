/**
 * The store's port on LMDB, the embedded database: one environment, one table per collection and one that says
 * when its documents may go. Reads are synchronous look-ups in mapped memory; writes are grouped (lmdb-writer.ts).
 */
import { existsSync, mkdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { join } from 'node:path'
import { open } from 'lmdb'
import { GatepostError } from '../contract/errors.js'
import { checkRoomToOpen, defaultReserveBytes, openDiskRoom, type DiskRoom, type WriteNeed } from './disk-room.js'
import { openLmdbClock, type LmdbClock } from './lmdb-clock.js'
import { isStorableKey, purgeAtOf, unpackDoc, versionOf, type PackedDoc } from './lmdb-encoding.js'
import { fileUseOf } from './lmdb-file-use.js'
import { checkLmdbFile } from './lmdb-file.js'
import { checkFolderForm } from './lmdb-form.js'
import { lockDataDir } from './lmdb-lock.js'
import { createLmdbWriter, duePurges, openTables, type DuePurge, type WriteView } from './lmdb-writer.js'
import { keepPrivate } from './private-files.js'
import { isEmptyRange, sortRanges } from './key-order.js'
import { collectionNames, type ChainOutcome, type CollectionName, type Collections, type KeyRange, type Replacement, type ReplaceOutcome, type Store } from './store.js'

interface LmdbStoreOptions {
  /** The data folder; made if it is missing. */
  readonly dir: string
  /** Nothing is made: rejects with NoStoreError where there is none. */
  readonly mustExist?: boolean
  readonly now?: () => number
  /** Ms of a clock that never jumps; `now` where that alone is given. */
  readonly elapsed?: () => number
  /** How often documents past their `purgeAt` are looked for; 0 = only when `sweep` is called. */
  readonly sweepIntervalMs?: number
  /** With less free on its disk nothing is written. */
  readonly reserveBytes?: number
  readonly log?: Record<'error' | 'warn' | 'info', (fields: object, text: string) => void>
}

export interface LmdbStore extends Store {
  /** Deletes what is past its `purgeAt`, in small transactions; returns how many documents went. */
  sweep: () => Promise<number>
  /** Documents in each collection. */
  counts: () => Record<CollectionName, number>
  /** The number of the last transaction: another one whenever something was written. */
  lastTransaction: () => number
}

/** The folder is missing, or holds no store of Gatepost. */
export class NoStoreError extends Error {
  constructor (readonly dir: string) {
    super(`${dir} holds no store of Gatepost`)
    this.name = 'NoStoreError'
  }
}

const sweepBatch = 500
/** While the disk is full. */
const tightSweepBatch = 20
const defaultSweepIntervalMs = 60_000

/** Rejects with DataDirLockedError where another process (or store) has the folder, NewerDataError where a newer build wrote it, NoDiskRoomError, DamagedFileError, NoStoreError. */
export async function openLmdbStore ({ dir, mustExist = false, now = Date.now, elapsed = now === Date.now ? () => performance.now() : now, sweepIntervalMs = defaultSweepIntervalMs, reserveBytes = defaultReserveBytes, log }: LmdbStoreOptions): Promise<LmdbStore> {
  if (mustExist && !existsSync(join(dir, 'store', 'data.mdb'))) throw new NoStoreError(dir)
  checkRoomToOpen(dir)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const wasUsed = existsSync(join(dir, 'lock'))
  keepPrivate(dir, ['lock', 'store'])
  const lock = await lockDataDir(dir)
  let root: ReturnType<typeof open> | undefined
  let room: DiskRoom | undefined
  try {
    const path = join(dir, 'store')
    const dataFile = join(path, 'data.mdb')
    const isThere = await checkLmdbFile(dataFile)
    if (wasUsed && !isThere) log?.warn({ event: 'store-new', file: dataFile }, `${dir} has been used before, and ${dataFile} is missing or empty: a new store is made. If messages are missing, stop and put a backup in its place`)
    const clock = await openLmdbClock({ dir, dataFile, now, elapsed })
    root = open({ path, noSubdir: false, overlappingSync: false, eventTurnBatching: false, maxDbs: 2 * collectionNames.length })
    if (mustExist && !(isThere && hasTable(root, 'entries'))) throw new NoStoreError(dir)
    await checkFolderForm(root, dir)
    const tables = openTables(root)
    keepPrivate(dir, ['lock', 'store']) // what has just been made
    room = await openDiskRoom({ dir: path, reserveBytes, fileUse: fileUseOf(root, tables), log })
    return createStore({ root, tables, room, lock, clock, now, sweepIntervalMs, log })
  } catch (error) {
    room?.close()
    await root?.close()
    await lock.release()
    throw error
  }
}

/** Tables are keys of the table of tables; `doesExist` passes over them. */
const hasTable = (root: ReturnType<typeof open>, name: CollectionName): boolean => [...root.getKeys({ start: name, limit: 1 })][0] === name

interface Parts {
  readonly root: ReturnType<typeof open>
  readonly tables: ReturnType<typeof openTables>
  readonly room: DiskRoom
  readonly lock: { release: () => Promise<void> }
  readonly clock: LmdbClock
  readonly now: () => number
  readonly sweepIntervalMs: number
  readonly log: LmdbStoreOptions['log']
}

function createStore ({ root, tables, room, lock, clock, now, sweepIntervalMs, log }: Parts): LmdbStore {
  const writer = createLmdbWriter({ root, tables, room })
  let closing: Promise<void> | undefined
  let readsWork = true

  /** Every read comes through here. */
  async function reading<T> (read: () => T): Promise<T> {
    if (closing !== undefined) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store is closed')
    try {
      const result = read()
      readsWork = true
      return result
    } catch (cause) {
      // A document of a newer form: the others can be read.
      if (cause instanceof GatepostError) throw cause
      readsWork = false
      throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be read', { cause })
    }
  }

  function readRange<C extends CollectionName> (collection: C, { from, to }: KeyRange, limit: number, reverse: boolean): Array<Collections[C]> {
    if (limit <= 0 || isEmptyRange({ from, to })) return []
    const bounds = reverse
      ? { start: to, exclusiveStart: true, end: from, inclusiveEnd: true, reverse: true, limit }
      : { start: from, end: to, limit }
    const found: Array<Collections[C]> = []
    for (const { key, value } of tables[collection].docs.getRange(bounds)) found.push(unpackDoc<Collections[C]>(key, value))
    return found
  }

  const current = (collection: CollectionName, key: string): PackedDoc | undefined => isStorableKey(key) ? tables[collection].docs.get(key) : undefined

  /** After a failed commit: LMDB that still answers reads has aborted it before its meta page, so nothing is stored. */
  function outcomeOfFailed (wasStored: () => boolean): 'refused' | 'unknown' {
    try { return wasStored() ? 'unknown' : 'refused' } catch { return 'unknown' }
  }

  let isWaiting = false
  /** Says once when purging begins to wait for the wall clock, and when it goes by it again. */
  function tellWaiting (): void {
    const leadMs = clock.leadMs()
    if ((leadMs !== 0) === isWaiting) return
    isWaiting = leadMs !== 0
    if (isWaiting) log?.warn({ event: 'purge-clock', leadMs: Math.round(leadMs) }, `${purgingWaits(leadMs)}; nothing to do where it is right: it is believed after a day; else set it`)
    else log?.info({ event: 'purge-clock', leadMs: 0 }, 'purging goes by the clock again')
  }

  async function sweep (): Promise<number> {
    let removed = 0
    tellWaiting()
    // Without it the next start believes less of the clock, and purges later.
    await clock.write().catch((err: unknown) => { if (closing === undefined) log?.warn({ event: 'purge-clock', err }, 'the time could not be written to clock.json') })
    const dueMs = clock.timeMs()
    for (const collection of collectionNames) {
      for (;;) {
        const due = await reading(() => duePurges(tables[collection], dueMs, room.refusal() === undefined ? sweepBatch : tightSweepBatch))
        if (due.length === 0) break
        const result = await writer.write({ docs: due.reduce((sum, { keys }) => sum + keys.length + 1, 0), bytes: 0, isPurge: true }, view => sweepInto(view, collection, due, dueMs))
        if ('refused' in result || result.commit.state !== 'committed') return removed
        removed += result.decided
      }
    }
    return removed
  }

  let sweeping: Promise<unknown> | undefined
  const timer = sweepIntervalMs > 0
    ? setInterval(() => {
      sweeping ??= sweep()
        .catch((err: unknown) => { if (closing === undefined) log?.error({ err }, 'expired documents could not be deleted') })
        .finally(() => { sweeping = undefined })
    }, sweepIntervalMs).unref()
    : undefined

  return {
    isAtomic: true,
    insertChains: async (collection, chains) => {
      const result = await writer.write(needOf(chains.flat()), view => chains.map(chain => insertInto(view, collection, chain)))
      if ('refused' in result) return chains.map(() => ({ stored: 0, stopped: 'refused', cause: result.refused }))
      const { decided, commit } = result
      if (commit.state === 'committed') return decided
      return decided.map(({ stored }, at): ChainOutcome => {
        const keys = (chains[at] ?? []).slice(0, stored).map(doc => doc.key)
        return { stored: 0, stopped: outcomeOfFailed(() => keys.some(key => current(collection, key) !== undefined)), cause: commit.cause }
      })
    },
    replace: async (collection, replacements) => {
      const result = await writer.write(needOf(replacements.map(({ doc }) => doc)), view => replacements.map(replacement => replaceInto(view, collection, replacement)))
      if ('refused' in result) return replacements.map(() => 'refused')
      const { decided, commit } = result
      if (commit.state === 'committed') return decided
      return replacements.map(({ doc }) => outcomeOfFailed(() => isVersion(current(collection, doc.key), doc.v)))
    },
    get: (collection, keys) => reading(() => keys.map(key => {
      const value = current(collection, key)
      return value === undefined ? undefined : unpackDoc(key, value)
    })),
    exist: (collection, keys) => reading(() => keys.map(key => isStorableKey(key) && tables[collection].docs.doesExist(key))),
    range: (collection, range, { limit, reverse = false }) => reading(() => readRange(collection, range, limit, reverse)),
    ranges: (collection, ranges, { limit }) => reading(() => {
      const found = []
      for (const range of sortRanges(ranges)) {
        if (found.length >= limit) break
        found.push(...readRange(collection, range, limit - found.length, false))
      }
      return found
    }),
    lasts: (collection, ranges) => reading(() => ranges.map(range => readRange(collection, range, 1, true)[0])),
    remove: async (collection, keys) => {
      const result = await writer.write({ docs: keys.length, bytes: 0, isPurge: true }, view => { for (const key of keys) if (isStorableKey(key)) view.remove(collection, key) })
      if ('refused' in result) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be written', { cause: result.refused })
      if (result.commit.state !== 'committed') throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be written', { cause: result.commit.cause })
    },
    timeMs: async () => now(),
    purgesByMs: clock.timeMs,
    status: () => ({
      kind: 'lmdb',
      reachable: closing === undefined && readsWork && writer.isHealthy,
      notes: [...(readsWork ? [] : ['the last read failed']), ...(writer.isHealthy ? [] : ['the last write failed']), ...(clock.leadMs() === 0 ? [] : [purgingWaits(clock.leadMs())])],
      refusesWrites: room.refusal(),
      disk: { freeBytes: room.freeBytes, reserveBytes: room.reserveBytes }
    }),
    refusal: room.refusal,
    sweep,
    counts: () => Object.fromEntries(collectionNames.map(name => [name, (tables[name].docs.getStats() as { entryCount: number }).entryCount])) as Record<CollectionName, number>,
    lastTransaction: () => (root.getStats() as { lastTxnId: number }).lastTxnId,
    close: () => {
      closing ??= (async () => {
        clearInterval(timer)
        await writer.close()
        room.close()
        await sweeping
        await clock.write().catch(() => {}) // a full disk does not keep it from ending
        await root.close()
        await lock.release()
      })()
      return closing
    }
  }
}

/** `leadMs` is not 0. */
function purgingWaits (leadMs: number): string {
  const hours = Math.round(Math.abs(leadMs) / 3_600_000)
  return `purging waits: the clock is ${hours} h ${leadMs > 0 ? 'ahead of' : 'behind'} the time that this store has seen pass`
}

/** UTF-8 has at most 3 bytes for each unit of a text. */
function needOf (docs: ReadonlyArray<{ readonly key: string, readonly text: string }>): WriteNeed {
  let bytes = 0
  for (const { key, text } of docs) bytes += 3 * (key.length + text.length)
  return { docs: docs.length, bytes }
}

function insertInto<C extends CollectionName> (view: WriteView, collection: C, chain: ReadonlyArray<Collections[C]>): ChainOutcome {
  let stored = 0
  for (const doc of chain) {
    if (!isStorableKey(doc.key)) return { stored, stopped: 'refused', cause: new Error('the key is empty or too long') }
    if (view.current(collection, doc.key) !== undefined) return { stored, stopped: 'exists' }
    view.put(collection, doc)
    stored++
  }
  return { stored }
}

/** `was` undefined: there must be none. */
const isVersion = (current: PackedDoc | undefined, was: number | undefined): boolean =>
  current === undefined ? was === undefined : versionOf(current) === was

function replaceInto<C extends CollectionName> (view: WriteView, collection: C, { was, doc }: Replacement<Collections[C]>): ReplaceOutcome {
  if (!isStorableKey(doc.key)) return 'refused'
  if (!isVersion(view.current(collection, doc.key), was)) return 'changed'
  view.put(collection, doc)
  return 'done'
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
