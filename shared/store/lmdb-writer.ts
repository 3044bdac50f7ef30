/**
 * Group commit for LMDB. Writes wait until the transaction under way is on disk; then all that has gathered is
 * decided against what is committed, in the order of arrival, and goes out as the next transaction. The process is
 * the only writer (lmdb-lock.ts), so a decision made here still holds when the transaction begins. What the disk has no room for
 * is refused before it is decided (disk-room.ts).
 *
 * The environment has no `overlappingSync`: a transaction becomes visible only after its pages are synced, so no
 * reader delivers what a power failure could take back.
 */
import { addTo } from '../platform/group-by.js'
import { asBinary, type Database, type RootDatabase } from 'lmdb'
import type { DiskRoom, WriteNeed } from './disk-room.js'
import type { FolderForm } from './lmdb-form.js'
import { collectionNames, type CollectionName, type StoredDoc } from './store.js'
import { docEncoding, keyEncoder, keyOfPurgeKey, packDoc, purgeKey, sharedPurgeKey, unpackRecord, type PackedDoc, type PackedRecord } from './lmdb-encoding.js'

export interface Tables {
  readonly docs: Database<PackedDoc, string>
  /**
   * Keys are `purgeAt`, then the document's key. Documents of one transaction with the same `purgeAt` share one: it has the JSON of
   * their keys as its value. What no longer fits its document is dropped by the sweeper.
   */
  readonly purges: Database<Uint8Array, Uint8Array>
}

export function openTables (root: RootDatabase): Record<CollectionName, Tables> {
  const open = (name: CollectionName): Tables => ({
    docs: root.openDB({ name, keyEncoder, ...docEncoding } as never),
    purges: root.openDB({ name: `${name}-purges`, keyEncoding: 'binary', encoding: 'binary' } as never)
  })
  return Object.fromEntries(collectionNames.map(name => [name, open(name)])) as Record<CollectionName, Tables>
}

/** What a write sees and does while its transaction is put together. */
export interface WriteView {
  /** The document as it will be when all earlier writes of this transaction are done. */
  current: (collection: CollectionName, key: string) => PackedDoc | undefined
  /** Whether there is a current one. */
  has: (collection: CollectionName, key: string) => boolean
  put: (collection: CollectionName, doc: StoredDoc | PackedRecord) => void
  remove: (collection: CollectionName, key: string) => void
  dropPurge: (collection: CollectionName, purgeKey: Uint8Array) => void
}

/** How the transaction of a write ended. */
export type Commit = { readonly state: 'committed' } | { readonly state: 'failed', readonly cause: unknown }

export interface LmdbWriter {
  /** `decide` runs once, synchronously; the promise settles when what it decided is on disk, or is not. */
  write: <T>(need: WriteNeed, decide: (view: WriteView) => T) => Promise<{ decided: T, commit: Commit } | { refused: unknown }>
  /** The last commit worked, or there was none yet. */
  readonly isHealthy: boolean
  /** Waits for what has been accepted; refuses what comes later. */
  close: () => Promise<void>
}

interface Waiting { need: WriteNeed, decide: (view: WriteView) => void, settle: (commit: Commit) => void, refuse: (cause: unknown) => void }

export function createLmdbWriter ({ root, tables, form, room }: { root: RootDatabase, tables: Record<CollectionName, Tables>, form: FolderForm, room: DiskRoom }): LmdbWriter {
  let waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let state: 'open' | 'closed' = 'open'
  let isHealthy = true

  async function run (): Promise<void> {
    // What arrives in the same turn of the loop shares the transaction.
    await new Promise(resolve => setImmediate(resolve))
    while (waiting.length > 0) {
      const looking = room.begin()
      if (looking !== undefined) await looking
      await commitGroup(admit())
    }
    running = undefined
  }

  /** What there is room for, in its order; the first one for which there is none even alone is refused. */
  function admit (): Waiting[] {
    const group: Waiting[] = []
    for (const [at, write] of waiting.entries()) {
      if (room.take(write.need)) group.push(write)
      else if (group.length === 0) write.refuse(new Error(room.refusal() ?? 'the disk has no room for so much at once'))
      else {
        waiting = waiting.slice(at)
        return group
      }
    }
    waiting = []
    return group
  }

  async function commitGroup (group: readonly Waiting[]): Promise<void> {
    const { view, operations, indexPurges } = createTransaction(tables, form)
    const decided: Waiting[] = []
    for (const write of group) {
      try { write.decide(view); decided.push(write) } catch (cause) { write.refuse(cause) }
    }
    indexPurges()
    const commit = await commitAll(root, operations)
    if (operations.length > 0) {
      isHealthy = commit.state === 'committed'
      room.ended(commit.state === 'committed' ? undefined : commit.cause)
    }
    for (const write of decided) write.settle(commit)
  }

  return {
    get isHealthy () { return isHealthy },
    write: async (need, decide) => {
      if (state === 'closed') return { refused: new Error('the store is closed') }
      return await new Promise(resolve => {
        let decided: ReturnType<typeof decide>
        waiting.push({
          need,
          decide: view => { decided = decide(view) },
          settle: commit => resolve({ decided, commit }),
          refuse: cause => resolve({ refused: cause })
        })
        running ??= run()
      })
    },
    close: async () => {
      state = 'closed'
      await running
    }
  }
}

interface Transaction {
  readonly view: WriteView
  readonly operations: Array<() => unknown>
  /** To be called last: what all documents put have in common. */
  readonly indexPurges: () => void
}

function createTransaction (tables: Record<CollectionName, Tables>, form: FolderForm): Transaction {
  const operations: Array<() => unknown> = []
  const parts = new Map(collectionNames.map(name => [name, { changes: new Map<string, (() => PackedDoc) | undefined>(), purges: new Map<number, string[]>() }]))
  return {
    operations,
    indexPurges: () => {
      for (const [collection, part] of parts) {
        const { purges } = tables[collection]
        for (const [purgeAt, keys] of part.purges) {
          const index = keys.length === 1 ? purgeKey(purgeAt, keys[0]!) : sharedPurgeKey(purgeAt)
          const value = keys.length === 1 ? noBytes : Buffer.from(JSON.stringify(keys))
          operations.push(() => purges.put(index, value))
        }
      }
    },
    view: {
      current: (collection, key) => {
        const { changes } = parts.get(collection)!
        return changes.size > 0 && changes.has(key) ? changes.get(key)?.() : tables[collection].docs.get(key)
      },
      has: (collection, key) => {
        const { changes } = parts.get(collection)!
        return changes.size > 0 && changes.has(key) ? changes.get(key) !== undefined : tables[collection].docs.doesExist(key)
      },
      put: (collection, doc) => {
        const { key, purgeAt } = doc
        const { changes, purges } = parts.get(collection)!
        if ('packed' in doc) {
          operations.push(() => tables[collection].docs.put(key, asBinary(doc.packed) as never))
          changes.set(key, () => unpackRecord(doc))
        } else {
          const packed = packDoc(doc, form)
          operations.push(() => tables[collection].docs.put(key, packed))
          changes.set(key, () => packed)
        }
        if (purgeAt !== null) addTo(purges, purgeAt, key)
      },
      remove: (collection, key) => {
        operations.push(() => tables[collection].docs.remove(key))
        parts.get(collection)!.changes.set(key, undefined)
      },
      dropPurge: (collection, key) => { operations.push(() => tables[collection].purges.remove(key)) }
    }
  }
}
const noBytes = new Uint8Array(0)

/**
 * One transaction by `batch`, which has the one promise that tells how it ended. With lmdb's own batching of a
 * turn (`eventTurnBatching`) a failed commit also rejects a promise that nobody can reach, and ends the process.
 */
async function commitAll (root: RootDatabase, operations: ReadonlyArray<() => unknown>): Promise<Commit> {
  if (operations.length === 0) return { state: 'committed' }
  try {
    await root.batch(() => { for (const operation of operations) operation() })
    return { state: 'committed' }
  } catch (error) {
    return { state: 'failed', cause: await commitError(error) }
  }
}

/** lmdb hides the reason of a failed commit behind another promise, which would end the process if nobody looked. */
async function commitError (error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: Promise<unknown> } | undefined)?.commitError
  return reason === undefined ? error : await reason.then(() => error, cause => cause as unknown)
}

export interface DuePurge { readonly index: Uint8Array, readonly keys: readonly string[] }

/** A collection's purges that are due, with at most `limit` documents, or with one that has more. */
export function duePurges ({ purges }: Tables, nowMs: number, limit: number): DuePurge[] {
  const due: DuePurge[] = []
  let count = 0
  // The time of the next ms, without a key behind it, sorts before all purges of that ms.
  for (const { key, value } of purges.getRange({ start: purgeKey(0, ''), end: purgeKey(nowMs + 1, '') })) {
    const index = Uint8Array.from(key)
    const keys = value.length === 0 ? [keyOfPurgeKey(index)] : JSON.parse(Buffer.from(value).toString()) as string[]
    count += keys.length
    if (count > limit && due.length > 0) break
    due.push({ index, keys })
  }
  return due
}
