/**
 * The store's port: sorted documents under one string key (keys.ts), and no more than both a sharded MongoDB and
 * an embedded B-tree can do on single documents. Every operation names its keys or key ranges.
 * Adapters: lmdb-store.ts, mongodb-store.ts. What any adapter must pass: test/contract/store.
 *
 * Errors: a read rejects with GatepostError GP_STORE_UNAVAILABLE; a write tells its outcome for each document,
 * because after a broken connection only a read can tell whether it was stored.
 */
import { decodeTime } from '../contract/clock.js'
import type { StreamId } from '../contract/names.js'

/** What every stored document has. */
export interface StoredDoc {
  readonly key: string
  /** Grows by one with each replacement; the condition of the next one. A new document has 0. */
  readonly v: number
  /** Ms since 1970 from when the store may delete it, or null for never. Readers must not rely on the deletion. */
  readonly purgeAt: number | null
}

interface EntryBase extends StoredDoc {
  /** The entry's place in its stream. Its `prev` and its stream are in its key (see `placeOfEntry`). */
  readonly seq: number
  readonly id: string
  /** Ms since 1970 from when no reader sees it, deleted or not. */
  readonly expiresAt: number
}

/** A message as it lies in one stream. */
export interface MessageDoc extends EntryBase {
  readonly kind: 'message'
  /** `u:USER` or `p:PRODUCER`. */
  readonly sender: string
  readonly category: string
  readonly boxes: 'inbox' | 'sent' | 'both'
  /** 0, or the seq of the change that recalled it: then title, body and data are null in `text`. */
  readonly recalled: number
  /** JSON text of what the entry shows, from `"from"` to `"boxes"`, without braces: written once, never parsed to deliver. */
  readonly text: string
}

/** Something done to messages or memberships: `text` is the JSON of a StoredChange (services/notifications/log/change.ts). */
export interface ChangeDoc extends EntryBase {
  readonly kind: 'change'
  readonly text: string
}

/**
 * For nodes alone, no reader is shown it: a line of a node's own log (`n:NODE`; node/outage-log.ts), in a group's stream who left it
 * (log/leave-mark.ts), or a revocation (`r:all`; revocations.ts).
 */
export interface LogDoc extends EntryBase {
  readonly kind: 'log'
  readonly text: string
}

export type EntryDoc = MessageDoc | ChangeDoc | LogDoc

/** State and claims are JSON documents of their owner's making; the store looks at none of it. */
export interface JsonDoc extends StoredDoc {
  readonly text: string
}

export interface Collections {
  entries: EntryDoc
  state: JsonDoc
  claims: JsonDoc
}
export type CollectionName = keyof Collections
export const collectionNames: readonly CollectionName[] = ['entries', 'state', 'claims']

export interface ChainOutcome {
  /** So many documents from the front of the chain are durable. */
  readonly stored: number
  /**
   * Why it stopped there: `exists` (that key is taken), `refused` (surely not stored), `unknown` (may be stored:
   * read before trying again), `unclaimed` (surely not stored: insertClaimed). Absent when the whole chain is stored.
   */
  readonly stopped?: 'exists' | 'refused' | 'unknown' | 'unclaimed'
  readonly cause?: unknown
}

/** `was`: the version that must still be there; undefined = the key must be absent. `doc.v` is the new version. */
export interface Replacement<D extends StoredDoc> { readonly was: number | undefined, readonly doc: D }
/** `done` (durable), `changed` (the condition did not hold; nothing written), `refused`, `unknown`: as in ChainOutcome. */
export type ReplaceOutcome = 'done' | 'changed' | 'refused' | 'unknown'

/** A document of `claims` without which an entry must not be there. */
export interface EntryClaim {
  readonly doc: JsonDoc
  /** Whether what has its key is this claim, stored with another entry or by another try. */
  readonly isSame: (stored: JsonDoc) => boolean
}

export interface KeyRange { /** inclusive */ readonly from: string, /** exclusive */ readonly to: string }

export interface StoreStatus {
  readonly kind: 'lmdb' | 'mongodb'
  /** It can be read and written. */
  readonly reachable: boolean
  /** Why not, in a few words, such as "preparing the store". */
  readonly missing?: string | undefined
  /** Why it takes no writes now, in a few words, though it can be read: its disk is full. */
  readonly refusesWrites?: string | undefined
  /** What an admin should know, such as "no TTL index: expired documents stay". */
  readonly notes: readonly string[]
  /** Of a store on this machine's disk. */
  readonly disk?: { readonly freeBytes: number, readonly reserveBytes: number }
}

/** As a probe tells it: true, or what is missing. */
export const storeCheck = ({ reachable, missing = 'not reachable', refusesWrites }: StoreStatus): true | string => reachable ? refusesWrites ?? true : missing

export interface Store {
  /** One call of insertChains is stored as a whole or not at all, whatever dies. */
  readonly isAtomic?: boolean
  /** The shard of a key, as far as is known. Each shard answers in its own time: a call that asks several waits for the slowest. Absent: there is one shard. */
  readonly shardOf?: (collection: CollectionName, key: string) => string
  /**
   * Inserts each chain in order, stopping it at the first key that exists; chains do not affect each other.
   * Durable when it resolves (fsync; majority and journaled). Never rejects for what the store answers.
   */
  insertChains: <C extends CollectionName>(collection: C, chains: ReadonlyArray<ReadonlyArray<Collections[C]>>) => Promise<ChainOutcome[]>
  /**
   * insertChains of entries, some of which need a claim: `claims` has it by the entry's key. A claim that is missing is inserted with
   * the first entry that needs it, in one transaction. Where something else has its key, the chain stops before that entry: `unclaimed`.
   * Absent where a call is not stored as a whole: there the claim goes first, by `replace`.
   */
  insertClaimed?: (chains: ReadonlyArray<readonly EntryDoc[]>, claims: ReadonlyMap<string, EntryClaim>) => Promise<ChainOutcome[]>
  /** Conditional replacements (compare `v`), each by itself. Durable when it resolves. */
  replace: <C extends CollectionName>(collection: C, replacements: ReadonlyArray<Replacement<Collections[C]>>) => Promise<ReplaceOutcome[]>
  /** The documents of these keys, in the order asked. */
  get: <C extends CollectionName>(collection: C, keys: readonly string[]) => Promise<Array<Collections[C] | undefined>>
  /** Whether these keys exist: the cheapest read. */
  exist: (collection: CollectionName, keys: readonly string[]) => Promise<boolean[]>
  /** One range, ascending or (`reverse`) descending by key, at most `limit` documents. */
  range: <C extends CollectionName>(collection: C, range: KeyRange, options: { limit: number, reverse?: boolean }) => Promise<Array<Collections[C]>>
  /** Several ranges that do not overlap, ascending by key over all of them, at most `limit` documents in all. */
  ranges: <C extends CollectionName>(collection: C, ranges: readonly KeyRange[], options: { limit: number }) => Promise<Array<Collections[C]>>
  /** The last document of each range, in the order asked. */
  lasts: <C extends CollectionName>(collection: C, ranges: readonly KeyRange[]) => Promise<Array<Collections[C] | undefined>>
  remove: (collection: CollectionName, keys: readonly string[]) => Promise<void>
  /** The store's own wall time, ms since 1970, as of when it resolves: off by half of the time that it took, at most. */
  timeMs: () => Promise<number>
  /** Ms since 1970 by which it deletes, where that is not its wall time. */
  readonly purgesByMs?: () => number
  status: () => StoreStatus
  /** Why every write would be refused now, known without trying (`refusesWrites` of the status); undefined where none is known. Cheap: asked for each append. */
  refusal?: () => string | undefined
  /** Idempotent; waits for what is under way. */
  close: () => Promise<void>
}

/** Where an entry lies, read from its key: its stream and the seq before it. */
export function placeOfEntry (key: string): { stream: StreamId, prev: number } {
  const tab = key.indexOf('\t')
  return { stream: key.slice(4, tab) as StreamId, prev: decodeTime(key, tab + 1) }
}
