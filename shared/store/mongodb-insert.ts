/**
 * Inserts with an outcome for each document.
 *
 * An insert is idempotent, because its key is unique and its document is recognized among all others: after a broken
 * connection the same one is sent again, and a key that then exists is looked up. This settles also what the first
 * try may still do later: the key is taken, by us or by another. The driver's own `retryWrites` is off, so a
 * duplicate key at a first try always means another's document, and costs no look-up.
 *
 * `exists` says that the key is taken on the primary. That document may become readable (read concern majority)
 * a moment later: who wants to read it pauses and reads again.
 */
import type { Document } from 'mongodb'
import { setTimeout as pause } from 'node:timers/promises'
import { selectionMs } from './mongodb-deadline.js'
import { compareIdentity, estimateBytes, type BsonDoc } from './mongodb-document.js'
import { classifyWriteError, doubtOfCode, duplicateKey } from './mongodb-errors.js'
import { groupByShard, runsByShard, type ShardMap } from './shard-map.js'
import type { ChainOutcome, CollectionName } from './store.js'

export interface WriteReply {
  readonly n?: number
  readonly writeErrors?: ReadonlyArray<{ readonly index: number, readonly code: number, readonly errmsg?: string }>
  /** Stored on the primary, but neither majority nor journal is certain. */
  readonly writeConcernError?: unknown
}

export interface MongodbWrites {
  /** One write command with write concern majority and journal; rejects as the driver does. */
  run: (command: Document) => Promise<WriteReply>
  leftMs: () => number
  /** The identity fields of these keys by read concern majority. */
  identify: (collection: CollectionName, keys: readonly string[]) => Promise<Map<string, Document>>
}

type DocOutcome = { readonly is: 'stored' } | { readonly is: 'exists' | 'refused' | 'unknown', readonly cause?: unknown }

const maxDocsInCommand = 1000
/** A command is one document of at most 16 MB. */
const maxBytesInCommand = 8 * 1024 * 1024
const tries = 3
/** How long one's own document may take to become readable by a majority: pauses between looks, in ms. */
export const lookPausesMs = [0, 20, 50, 100, 250, 500, 1000]

/** Each command goes to one shard of `map`. */
export async function insertChains (writes: MongodbWrites, collection: CollectionName, chains: ReadonlyArray<readonly BsonDoc[]>, map?: ShardMap): Promise<ChainOutcome[]> {
  const outcomes: ChainOutcome[] = chains.map(() => ({ stored: 0 }))
  const singles = chains.flatMap((chain, at) => chain.length === 1 ? [{ doc: chain[0] as BsonDoc, at }] : [])
  const several = chains.flatMap((chain, at) => chain.length > 1 ? [{ chain, at }] : [])
  await Promise.all([
    ...groupByShard(map, singles, single => single.doc._id).flatMap(group => splitByBytes(group, single => single.doc)).map(async group => {
      const results = await insertUnordered(writes, collection, group.map(single => single.doc))
      for (const [index, result] of results.entries()) outcomes[group[index]?.at ?? -1] = result.is === 'stored' ? { stored: 1 } : stoppedAt(0, result)
    }),
    ...several.map(async ({ chain, at }) => { outcomes[at] = await insertChain(writes, collection, chain, map) })
  ])
  return outcomes
}

/** What lies on another shard only after what comes before it is stored. */
async function insertChain (writes: MongodbWrites, collection: CollectionName, chain: readonly BsonDoc[], map: ShardMap | undefined): Promise<ChainOutcome> {
  let stored = 0
  for (const run of runsByShard(map, chain, doc => doc._id)) {
    const outcome = await insertOrdered(writes, collection, run)
    stored += outcome.stored
    if (outcome.stopped !== undefined) return { ...outcome, stored }
  }
  return { stored }
}

const stoppedAt = (stored: number, { is, cause }: Exclude<DocOutcome, { is: 'stored' }>): ChainOutcome =>
  ({ stored, stopped: is, ...(cause === undefined ? {} : { cause }) })

export function splitByBytes<T> (items: readonly T[], docOf: (item: T) => BsonDoc): T[][] {
  const groups: T[][] = []
  let bytes = 0
  for (const item of items) {
    const size = estimateBytes(docOf(item))
    const group = groups.at(-1)
    if (group === undefined || group.length >= maxDocsInCommand || bytes + size > maxBytesInCommand) {
      groups.push([item])
      bytes = size
    } else {
      group.push(item)
      bytes += size
    }
  }
  return groups
}

/**
 * Whether a command may be sent (again). One that is cut short while the driver still looks for a server may be sent later,
 * when one is found: where nothing is in doubt yet, such a command is not begun.
 */
export const hasTime = ({ leftMs }: MongodbWrites, isDoubtful: boolean): boolean => leftMs() > (isDoubtful ? 0 : selectionMs)

/** Documents that do not depend on each other, in one command. */
export async function insertUnordered (writes: MongodbWrites, collection: CollectionName, docs: readonly BsonDoc[]): Promise<DocOutcome[]> {
  const outcomes = new Map<BsonDoc, DocOutcome>()
  let open = docs
  let isDoubtful = false
  let cause: unknown
  for (let attempt = 0; attempt < tries && open.length > 0 && hasTime(writes, isDoubtful); attempt++) {
    const sent = open
    let reply: WriteReply
    try {
      reply = await writes.run({ insert: collection, documents: sent, ordered: false })
    } catch (error) {
      cause = error
      const doubt = classifyWriteError(error)
      if (doubt === 'ambiguous') isDoubtful = true
      if (doubt === 'refused') break
      continue
    }
    const errors = new Map(reply.writeErrors?.map(error => [error.index, error]))
    const look = new Set<BsonDoc>()
    const again: BsonDoc[] = []
    let isAmbiguous = false
    for (const [index, doc] of sent.entries()) {
      const error = errors.get(index)
      if (error === undefined) {
        if (reply.writeConcernError === undefined) outcomes.set(doc, { is: 'stored' })
        else look.add(doc)
      } else if (error.code === duplicateKey) {
        if (isDoubtful) look.add(doc)
        else outcomes.set(doc, { is: 'exists' })
      } else {
        const doubt = doubtOfCode(error.code)
        if (doubt === 'ambiguous') isAmbiguous = true
        if (doubt === 'refused') outcomes.set(doc, { is: isDoubtful ? 'unknown' : 'refused', cause: error })
        else {
          again.push(doc)
          cause = error
        }
      }
    }
    for (const [doc, outcome] of await lookUp(writes, collection, [...look])) outcomes.set(doc, outcome)
    if (isAmbiguous) isDoubtful = true
    open = again
  }
  return docs.map(doc => outcomes.get(doc) ?? { is: isDoubtful ? 'unknown' : 'refused', cause })
}

/** A chain: each document only after the one before it. */
async function insertOrdered (writes: MongodbWrites, collection: CollectionName, chain: readonly BsonDoc[]): Promise<ChainOutcome> {
  let stored = 0
  let isDoubtful = false
  let cause: unknown
  for (let attempt = 0; attempt < tries && stored < chain.length && hasTime(writes, isDoubtful);) {
    const sent = splitByBytes(chain.slice(stored), doc => doc)[0] ?? []
    let reply: WriteReply
    try {
      reply = await writes.run({ insert: collection, documents: sent, ordered: true })
    } catch (error) {
      cause = error
      const doubt = classifyWriteError(error)
      if (doubt === 'ambiguous') isDoubtful = true
      if (doubt === 'refused') break
      attempt++
      continue
    }
    const [error] = reply.writeErrors ?? []
    // What lies before the first error is stored; `n` is not asked, not every server counts right after an error.
    const before = sent.slice(0, error?.index ?? sent.length)
    if (reply.writeConcernError !== undefined) {
      const looked = await lookUp(writes, collection, before)
      const unsure = before.findIndex(doc => looked.get(doc)?.is !== 'stored')
      if (unsure !== -1) return { stored: stored + unsure, stopped: 'unknown', cause: reply.writeConcernError }
    }
    stored += before.length
    if (error === undefined) continue
    if (error.code === duplicateKey) {
      if (!isDoubtful) return { stored, stopped: 'exists' }
      const doc = sent[error.index] as BsonDoc
      const outcome = (await lookUp(writes, collection, [doc])).get(doc) ?? { is: 'unknown' }
      if (outcome.is !== 'stored') return stoppedAt(stored, outcome)
      stored++
    } else {
      const doubt = doubtOfCode(error.code)
      cause = error
      if (doubt === 'refused') break
      if (doubt === 'ambiguous') isDoubtful = true
      attempt++
    }
  }
  return stored === chain.length ? { stored } : { stored, stopped: isDoubtful ? 'unknown' : 'refused', cause }
}

/** Whose documents lie under these keys, once a majority has them. */
async function lookUp (writes: MongodbWrites, collection: CollectionName, docs: readonly BsonDoc[]): Promise<Map<BsonDoc, DocOutcome>> {
  const outcomes = new Map<BsonDoc, DocOutcome>()
  let open = [...docs]
  let cause: unknown
  for (const pauseMs of lookPausesMs) {
    if (open.length === 0 || writes.leftMs() <= pauseMs) break
    if (pauseMs > 0) await pause(pauseMs)
    try {
      const found = await writes.identify(collection, open.map(doc => doc._id))
      open = open.filter(doc => {
        const there = found.get(doc._id)
        if (there === undefined) return true
        const identity = compareIdentity(doc, there)
        outcomes.set(doc, identity === 'ours' ? { is: 'stored' } : { is: identity === 'other' ? 'exists' : 'unknown' })
        return false
      })
    } catch (error) { cause = error }
  }
  for (const doc of open) outcomes.set(doc, { is: 'unknown', cause })
  return outcomes
}
