/** Which shards a mongos sends a command to. */
import type { Document } from 'mongodb'

/** Where chunks begin, ascending, and on which shard; the first begins at ''. */
export type Places = ReadonlyArray<readonly [from: string, shard: string]>

const atOrAfter = (a: string, b: string): boolean => Buffer.compare(Buffer.from(a), Buffer.from(b)) >= 0

export function shardOfKey (places: Places, key: string): string {
  return places.findLast(([from]) => atOrAfter(key, from))?.[1] ?? ''
}

/** The upper end of a range counts as inclusive, whatever the operator (SERVER-20768). */
export function shardsOfCommand (places: Places, command: Document): Set<string> {
  const shards = new Set<string>()
  const reach = (from: string, to: string): void => {
    for (const [at, [begin, shard]] of places.entries()) {
      const end = places[at + 1]?.[0]
      if (atOrAfter(to, begin) && (end === undefined || !atOrAfter(from, end))) shards.add(shard)
    }
  }
  const byFilter = (filter: Document): void => {
    if (filter.$or !== undefined) { (filter.$or as Document[]).forEach(byFilter); return }
    const id = filter._id as string | { $in?: string[], $gte?: string, $lt?: string, $lte?: string } | undefined
    if (typeof id === 'string') reach(id, id)
    else if (id?.$in !== undefined) for (const key of id.$in) reach(key, key)
    else reach(id?.$gte ?? '', id?.$lt ?? id?.$lte ?? '\u{10ffff}')
  }
  if (command.find !== undefined) byFilter((command.filter ?? {}) as Document)
  if (command.aggregate !== undefined) byFilter(((command.pipeline as Document[])[0]?.$match ?? {}) as Document)
  for (const doc of (command.documents ?? []) as Document[]) byFilter(doc)
  for (const { q } of [...(command.updates ?? []) as Document[], ...(command.deletes ?? []) as Document[]]) byFilter(q as Document)
  return shards
}

/** 16 chunks, by turns on two shards. */
export const evenPlaces: Places = Array.from({ length: 16 }, (_, at) => [at === 0 ? '' : `${at.toString(16)}000`, at % 2 === 0 ? 'shard-a' : 'shard-b'] as const)
