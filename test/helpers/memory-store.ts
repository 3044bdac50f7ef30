/**
 * The store's port on a sorted list in memory, for tests that decide themselves when each command takes effect, what
 * it answers, and what time it is. It does what the contract suite demands of every adapter; its commands can be held
 * back, refused, and left without an answer.
 */
import { GatepostError } from '../../shared/contract/errors.js'
import { compareKeys } from '../../shared/store/key-order.js'
import { collectionNames, type ChainOutcome, type CollectionName, type KeyRange, type ReplaceOutcome, type Store, type StoredDoc } from '../../shared/store/store.js'

export type CommandKind = 'insertChains' | 'replace' | 'get' | 'exist' | 'range' | 'ranges' | 'lasts' | 'remove'
export interface Command { readonly kind: CommandKind, readonly collection: CollectionName }

/**
 * What becomes of a write: `refused` (not done, and said so), `lost` (not done, outcome unknown), `unsaid` (done, outcome
 * unknown), `late` (outcome unknown, done when the function that `onLate` is given is called). A read takes `refused` only.
 */
export type Fate = 'done' | 'refused' | 'lost' | 'unsaid' | 'late'

export interface MemoryStoreOptions {
  readonly now?: () => number
  /** Awaited before a command takes effect; decides its fate. */
  readonly before?: (command: Command) => Fate | undefined | Promise<Fate | undefined>
  readonly onLate?: (land: () => void) => void
  /** Called for each document as it becomes readable. */
  readonly onStored?: (collection: CollectionName, doc: StoredDoc) => void
}

export interface MemoryStore extends Store {
  /** Deletes what is past its `purgeAt`; how many documents went. */
  purge: () => number
  /** After `close`: on the same data. */
  reopen: () => void
  /** All documents of a collection, by key. */
  all: <D extends StoredDoc>(collection: CollectionName) => D[]
  readonly commands: Command[]
}

export function createMemoryStore ({ now = Date.now, before, onLate, onStored }: MemoryStoreOptions = {}): MemoryStore {
  const tables = Object.fromEntries(collectionNames.map(name => [name, { docs: new Map<string, StoredDoc>(), keys: [] as string[] }])) as
    Record<CollectionName, { docs: Map<string, StoredDoc>, keys: string[] }>
  const commands: Command[] = []
  let isClosed = false

  /** Index of the first key that is not below this one. */
  function indexOf (keys: readonly string[], key: string): number {
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareKeys(keys[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  function put (collection: CollectionName, doc: StoredDoc): void {
    const { docs, keys } = tables[collection]
    if (!docs.has(doc.key)) keys.splice(indexOf(keys, doc.key), 0, doc.key)
    docs.set(doc.key, structuredClone(doc))
    onStored?.(collection, doc)
  }

  function drop (collection: CollectionName, key: string): void {
    const { docs, keys } = tables[collection]
    if (docs.delete(key)) keys.splice(indexOf(keys, key), 1)
  }

  function insert (collection: CollectionName, chain: readonly StoredDoc[]): ChainOutcome {
    let stored = 0
    for (const doc of chain) {
      if (tables[collection].docs.has(doc.key)) return { stored, stopped: 'exists' }
      put(collection, doc)
      stored++
    }
    return { stored }
  }

  function replaceOne (collection: CollectionName, was: number | undefined, doc: StoredDoc): ReplaceOutcome {
    if (tables[collection].docs.get(doc.key)?.v !== was) return 'changed'
    put(collection, doc)
    return 'done'
  }

  async function fateOf (kind: CommandKind, collection: CollectionName): Promise<Fate> {
    commands.push({ kind, collection })
    if (isClosed) return 'refused'
    return await before?.({ kind, collection }) ?? 'done'
  }

  async function read<T> (kind: CommandKind, collection: CollectionName, work: () => T): Promise<T> {
    if (await fateOf(kind, collection) !== 'done') throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be read')
    return structuredClone(work())
  }

  /** One document or chain of a write; `unclear`: what is answered where the outcome is unknown. */
  function withFate<T> (fate: Fate, work: () => T, refused: T, unclear: T): T {
    if (fate === 'done') return work()
    if (fate === 'refused') return refused
    if (fate === 'unsaid') work()
    if (fate === 'late') onLate?.(work)
    return unclear
  }

  const inRange = (collection: CollectionName, { from, to }: KeyRange): string[] => {
    const { keys } = tables[collection]
    return compareKeys(from, to) >= 0 ? [] : keys.slice(indexOf(keys, from), indexOf(keys, to))
  }
  const pick = (collection: CollectionName, keys: readonly string[]): any[] => keys.map(key => tables[collection].docs.get(key))

  return {
    commands,
    insertChains: async (collection, chains) => {
      const fate = await fateOf('insertChains', collection)
      return chains.map(chain => withFate<ChainOutcome>(fate, () => insert(collection, chain), { stored: 0, stopped: 'refused' }, { stored: 0, stopped: 'unknown' }))
    },
    replace: async (collection, replacements) => {
      const fate = await fateOf('replace', collection)
      return replacements.map(({ was, doc }) => withFate<ReplaceOutcome>(fate, () => replaceOne(collection, was, doc), 'refused', 'unknown'))
    },
    get: (collection, keys) => read('get', collection, () => pick(collection, keys)),
    exist: (collection, keys) => read('exist', collection, () => keys.map(key => tables[collection].docs.has(key))),
    range: (collection, range, { limit, reverse = false }) => read('range', collection, () => {
      const keys = inRange(collection, range)
      return pick(collection, reverse ? keys.reverse().slice(0, limit) : keys.slice(0, limit))
    }),
    ranges: (collection, ranges, { limit }) => read('ranges', collection, () => pick(collection, ranges.flatMap(range => inRange(collection, range)).sort(compareKeys).slice(0, limit))),
    lasts: (collection, ranges) => read('lasts', collection, () => ranges.map(range => pick(collection, inRange(collection, range).slice(-1))[0])),
    remove: async (collection, keys) => {
      if (await fateOf('remove', collection) !== 'done') throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be written')
      for (const key of keys) drop(collection, key)
    },
    timeMs: async () => {
      if (isClosed) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store is closed')
      return now()
    },
    status: () => ({ kind: 'lmdb', reachable: !isClosed, notes: [] }),
    close: async () => { isClosed = true },
    reopen: () => { isClosed = false },
    all: collection => pick(collection, tables[collection].keys),
    purge: () => {
      let gone = 0
      for (const collection of collectionNames) {
        for (const { key, purgeAt } of pick(collection, tables[collection].keys) as StoredDoc[]) {
          if (purgeAt !== null && purgeAt <= now()) { drop(collection, key); gone++ }
        }
      }
      return gone
    }
  }
}
