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
import { isStorableKey, unpackDoc, versionOf, type PackedDoc, type PackedRecord } from './lmdb-encoding.js'
import { fileUseOf } from './lmdb-file-use.js'
import { checkLmdbFile } from './lmdb-file.js'
import { checkFolderForm, type FolderForm } from './lmdb-form.js'
import { lockDataDir } from './lmdb-lock.js'
import { LmdbReader } from './lmdb-reader.js'
import { LmdbSweeper } from './lmdb-sweeper.js'
import { createLmdbWriter, openTables, type LmdbWriter, type WriteView } from './lmdb-writer.js'
import { keepPrivate } from './private-files.js'
import { collectionNames, type ChainOutcome, type CollectionName, type Collections, type EntryClaim, type JsonDoc, type ReplaceOutcome, type Store } from './store.js'

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
  /** As the port's, of what another process has packed (lmdb-share.ts). */
  readonly packed: PackedWrites
  /** Deletes what is past its `purgeAt`, in small transactions; returns how many documents went. */
  sweep: () => Promise<number>
  /** Documents in each collection. */
  counts: () => Record<CollectionName, number>
  /** Frees what processes that were killed while they read still hold. */
  checkReaders: () => void
  /** The number of the last transaction: another one whenever something was written. */
  lastTransaction: () => number
}

export interface PackedWrites {
  readonly insertChains: (collection: CollectionName, chains: ReadonlyArray<readonly PackedRecord[]>) => Promise<ChainOutcome[]>
  readonly replace: (collection: CollectionName, replacements: readonly PackedReplacement[]) => Promise<ReplaceOutcome[]>
}

/** As Replacement. */
export interface PackedReplacement { readonly was: number | undefined, readonly doc: PackedRecord }

/** The folder is missing, or holds no store of Gatepost. */
export class NoStoreError extends Error {
  constructor (readonly dir: string) {
    super(`${dir} holds no store of Gatepost`)
    this.name = 'NoStoreError'
  }
}

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
    const isNew = !(isThere && hasTable(root, 'entries'))
    if (mustExist && isNew) throw new NoStoreError(dir)
    const form = await checkFolderForm(root, dir, isNew)
    const tables = openTables(root)
    keepPrivate(dir, ['lock', 'store']) // what has just been made
    room = await openDiskRoom({ dir: path, reserveBytes, fileUse: fileUseOf(root, tables), log })
    return createStore({ root, tables, form, room, lock, clock, now, sweepIntervalMs, log })
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
  readonly form: FolderForm
  readonly room: DiskRoom
  readonly lock: { release: () => Promise<void> }
  readonly clock: LmdbClock
  readonly now: () => number
  readonly sweepIntervalMs: number
  readonly log: LmdbStoreOptions['log']
}

function createStore ({ root, tables, form, room, lock, clock, now, sweepIntervalMs, log }: Parts): LmdbStore {
  const writer = createLmdbWriter({ root, tables, form, room })
  const reader = new LmdbReader(tables)
  const writes = writesOver(writer, reader)
  const sweeper = new LmdbSweeper({ tables, reader, writer, room, clock, intervalMs: sweepIntervalMs, log })
  let closing: Promise<void> | undefined

  async function end (): Promise<void> {
    reader.close()
    sweeper.stop()
    await writer.close()
    room.close()
    await sweeper.ended()
    await clock.write().catch(() => {}) // a full disk does not keep it from ending
    await root.close()
    await lock.release()
  }

  return {
    isAtomic: true,
    ...writes,
    get: (collection, keys) => reader.get(collection, keys),
    exist: (collection, keys) => reader.exist(collection, keys),
    range: (collection, range, options) => reader.range(collection, range, options),
    ranges: (collection, ranges, options) => reader.ranges(collection, ranges, options),
    lasts: (collection, ranges) => reader.lasts(collection, ranges),
    timeMs: async () => now(),
    purgesByMs: clock.timeMs,
    status: () => ({
      kind: 'lmdb',
      reachable: closing === undefined && reader.works && writer.isHealthy,
      notes: [...(reader.works ? [] : ['the last read failed']), ...(writer.isHealthy ? [] : ['the last write failed']), ...sweeper.notes()],
      refusesWrites: room.refusal(),
      disk: { freeBytes: room.freeBytes, reserveBytes: room.reserveBytes }
    }),
    refusal: room.refusal,
    sweep: () => sweeper.sweep(),
    counts: () => Object.fromEntries(collectionNames.map(name => [name, (tables[name].docs.getStats() as { entryCount: number }).entryCount])) as Record<CollectionName, number>,
    checkReaders: () => { root.readerCheck() },
    lastTransaction: () => (root.getStats() as { lastTxnId: number }).lastTxnId,
    close: () => {
      closing ??= end()
      return closing
    }
  }
}

/** Writes are decided within the writer's transaction, against what it holds then. */
function writesOver (writer: LmdbWriter, reader: LmdbReader): Pick<LmdbStore, 'insertChains' | 'insertClaimed' | 'replace' | 'remove' | 'packed'> {
  /** After a failed commit: LMDB that still answers reads has aborted it before its meta page, so nothing is stored. */
  function outcomeOfFailed (wasStored: () => boolean): 'refused' | 'unknown' {
    try { return wasStored() ? 'unknown' : 'refused' } catch { return 'unknown' }
  }

  async function insert (collection: CollectionName, chains: ReadonlyArray<readonly Writable[]>, claims?: ReadonlyMap<string, EntryClaim>): Promise<ChainOutcome[]> {
    const result = await writer.write(needOf(claims === undefined ? chains : [...chains, [...claims.values()].map(({ doc }) => doc)]), view => chains.map(chain => insertInto(view, collection, chain, claims)))
    if ('refused' in result) return chains.map(() => ({ stored: 0, stopped: 'refused', cause: result.refused }))
    const { decided, commit } = result
    if (commit.state === 'committed') return decided
    return decided.map(({ stored }, at): ChainOutcome => {
      const keys = (chains[at] ?? []).slice(0, stored).map(doc => doc.key)
      return { stored: 0, stopped: outcomeOfFailed(() => keys.some(key => reader.current(collection, key) !== undefined)), cause: commit.cause }
    })
  }

  async function replace (collection: CollectionName, replacements: ReadonlyArray<{ readonly was: number | undefined, readonly doc: Writable }>): Promise<ReplaceOutcome[]> {
    const result = await writer.write(needOf([replacements.map(({ doc }) => doc)]), view => replacements.map(replacement => replaceInto(view, collection, replacement)))
    if ('refused' in result) return replacements.map(() => 'refused')
    const { decided, commit } = result
    if (commit.state === 'committed') return decided
    return replacements.map(({ doc }) => outcomeOfFailed(() => isVersion(reader.current(collection, doc.key), doc.v)))
  }

  return {
    insertChains: (collection, chains) => insert(collection, chains),
    insertClaimed: (chains, claims) => insert('entries', chains, claims),
    replace,
    packed: { insertChains: (collection, chains) => insert(collection, chains), replace },
    remove: async (collection, keys) => {
      const result = await writer.write({ docs: keys.length, bytes: 0, isPurge: true }, view => { for (const key of keys) if (isStorableKey(key)) view.remove(collection, key) })
      if ('refused' in result) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be written', { cause: result.refused })
      if (result.commit.state !== 'committed') throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be written', { cause: result.commit.cause })
    }
  }
}

type Writable = Collections[CollectionName] | PackedRecord

/** UTF-8 has at most 3 bytes for each unit of a text. */
function needOf (chains: ReadonlyArray<readonly Writable[]>): WriteNeed {
  let docs = 0
  let bytes = 0
  for (const chain of chains) {
    docs += chain.length
    for (const doc of chain) bytes += 3 * doc.key.length + ('packed' in doc ? doc.packed.byteLength : 3 * doc.text.length)
  }
  return { docs, bytes }
}

function insertInto (view: WriteView, collection: CollectionName, chain: readonly Writable[], claims: ReadonlyMap<string, EntryClaim> | undefined): ChainOutcome {
  let stored = 0
  for (const doc of chain) {
    if (!isStorableKey(doc.key)) return { stored, stopped: 'refused', cause: new Error('the key is empty or too long') }
    if (view.has(collection, doc.key)) return { stored, stopped: 'exists' }
    const claim = claims?.get(doc.key)
    if (claim !== undefined && !takeClaim(view, claim)) return { stored, stopped: 'unclaimed' }
    view.put(collection, doc)
    stored++
  }
  return { stored }
}

/** False where something else has its key. */
function takeClaim (view: WriteView, { doc, isSame }: EntryClaim): boolean {
  const current = view.current('claims', doc.key)
  if (current === undefined) view.put('claims', doc)
  return current === undefined || isSame(unpackDoc<JsonDoc>(doc.key, current))
}

/** `was` undefined: there must be none. */
const isVersion = (current: PackedDoc | undefined, was: number | undefined): boolean =>
  current === undefined ? was === undefined : versionOf(current) === was

function replaceInto (view: WriteView, collection: CollectionName, { was, doc }: { readonly was: number | undefined, readonly doc: Writable }): ReplaceOutcome {
  if (!isStorableKey(doc.key)) return 'refused'
  if (!isVersion(view.current(collection, doc.key), was)) return 'changed'
  view.put(collection, doc)
  return 'done'
}
