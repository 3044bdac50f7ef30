/**
 * Conditional replacements. The condition (`_id` and `v`) makes each one idempotent, so after a broken connection
 * the same command is sent again. MongoDB counts only how many matched in all: when that is not every one, the
 * documents are read and their `w` (the token of the write that made them) tells which are ours.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { classifyWriteError, doubtOfCode } from './mongodb-errors.js'
import { hasTime, insertUnordered, lookPausesMs, splitByBytes, type MongodbWrites, type WriteReply } from './mongodb-insert.js'
import type { BsonDoc } from './mongodb-document.js'
import { groupByShard, type ShardMap } from './shard-map.js'
import type { CollectionName, ReplaceOutcome } from './store.js'

export interface ReplaceRequest { readonly was: number | undefined, readonly doc: BsonDoc }

const tries = 3

/** Each command goes to one shard of `map`. */
export async function replaceDocs (writes: MongodbWrites, collection: CollectionName, wanted: readonly ReplaceRequest[], map?: ShardMap): Promise<ReplaceOutcome[]> {
  const outcomes = new Map<ReplaceRequest, ReplaceOutcome>()
  const inserts = wanted.filter(one => one.was === undefined)
  const updates = wanted.filter(one => one.was !== undefined)
  const inCommands = (requests: readonly ReplaceRequest[]): ReplaceRequest[][] =>
    groupByShard(map, requests, one => one.doc._id).flatMap(group => splitByBytes(group, one => one.doc))
  await Promise.all([
    ...inCommands(inserts).map(async group => {
      const results = await insertUnordered(writes, collection, group.map(one => one.doc))
      for (const [index, result] of results.entries()) {
        outcomes.set(group[index] as ReplaceRequest, result.is === 'stored' ? 'done' : result.is === 'exists' ? 'changed' : result.is)
      }
    }),
    ...inCommands(updates).map(async group => {
      const results = await updateAll(writes, collection, group)
      for (const [index, result] of results.entries()) outcomes.set(group[index] as ReplaceRequest, result)
    })
  ])
  return wanted.map(one => outcomes.get(one) ?? 'unknown')
}

async function updateAll (writes: MongodbWrites, collection: CollectionName, group: readonly ReplaceRequest[]): Promise<ReplaceOutcome[]> {
  let isDoubtful = false
  let reply: WriteReply | undefined
  for (let attempt = 0; attempt < tries && reply === undefined && hasTime(writes, isDoubtful); attempt++) {
    try {
      reply = await writes.run({
        update: collection, ordered: false, updates: group.map(({ was, doc }) => ({ q: { _id: doc._id, v: was }, u: doc, upsert: false, multi: false }))
      })
    } catch (error) {
      const doubt = classifyWriteError(error)
      if (doubt === 'ambiguous') isDoubtful = true
      if (doubt === 'refused') break
    }
  }
  if (reply === undefined) return group.map(() => isDoubtful ? 'unknown' : 'refused')
  const { n, writeErrors = [], writeConcernError } = reply
  const outcomes = new Map<ReplaceRequest, ReplaceOutcome>()
  // What was surely not replaced keeps nobody from knowing about the others.
  if (!isDoubtful) for (const { index, code } of writeErrors) if (doubtOfCode(code) !== 'ambiguous') outcomes.set(group[index] as ReplaceRequest, 'refused')
  const hasFailed = writeErrors.length > outcomes.size || writeConcernError !== undefined
  const open = group.filter(request => !outcomes.has(request))
  if (!hasFailed && n === open.length) for (const request of open) outcomes.set(request, 'done')
  else if (!hasFailed && !isDoubtful && n === 0) for (const request of open) outcomes.set(request, 'changed')
  else await tellApart(writes, collection, open, outcomes, { hasFailed, isDoubtful })
  return group.map(request => outcomes.get(request) ?? 'unknown')
}

async function tellApart (writes: MongodbWrites, collection: CollectionName, group: readonly ReplaceRequest[], outcomes: Map<ReplaceRequest, ReplaceOutcome>, { hasFailed, isDoubtful }: { hasFailed: boolean, isDoubtful: boolean }): Promise<void> {
  let open = [...group]
  for (const pauseMs of lookPausesMs) {
    if (open.length === 0 || writes.leftMs() <= pauseMs) break
    if (pauseMs > 0) await pause(pauseMs)
    try {
      const found = await writes.identify(collection, open.map(one => one.doc._id))
      open = open.filter(request => {
        const { was, doc } = request
        const there = found.get(doc._id)
        if (there?.w === doc.w && doc.w !== undefined) outcomes.set(request, 'done')
        // Replaced again since: whether ours was the one before is not known.
        else if (there !== undefined && (there.v as number) > doc.v) outcomes.set(request, 'unknown')
        // No longer so on the primary, or ours would have matched: what took its place (our first try?) has no majority yet.
        else if (!hasFailed && isDoubtful && there?.v === was) return true
        else outcomes.set(request, hasFailed ? 'unknown' : 'changed')
        return false
      })
    } catch { /* looked at again, or unknown */ }
  }
}
