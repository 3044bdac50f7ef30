/** What a mongos and its shards do with documents, in memory: commands that name keys or ranges of keys. */
import { Long, type Document } from 'mongodb'

export interface MongosData {
  find: (ns: string, command: Document) => Document
  /** `refuse`: what the shard of this key says instead of storing. */
  insert: (ns: string, command: Document, refuse: (key: string) => Document | undefined) => Document
  update: (ns: string, command: Document, refuse: (key: string) => Document | undefined) => Document
  remove: (ns: string, command: Document) => Document
  drop: (database: string) => void
  dropOne: (ns: string) => void
  namespaces: () => string[]
  create: (ns: string) => void
}

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

function matches (id: string, filter: Document): boolean {
  if (Array.isArray(filter.$or)) return (filter.$or as Document[]).some(one => matches(id, one))
  const want = filter._id as string | { $in?: string[], $gte?: string, $gt?: string, $lt?: string, $lte?: string } | undefined
  if (want === undefined) return true
  if (typeof want === 'string') return id === want
  if (want.$in !== undefined) return want.$in.includes(id)
  return (want.$gte === undefined || compare(id, want.$gte) >= 0) && (want.$gt === undefined || compare(id, want.$gt) > 0) &&
    (want.$lt === undefined || compare(id, want.$lt) < 0) && (want.$lte === undefined || compare(id, want.$lte) <= 0)
}

export const cursorOf = (ns: string, firstBatch: Document[]): Document => ({ cursor: { id: Long.ZERO, ns, firstBatch }, ok: 1 })

export const projected = (doc: Document, projection: Document | undefined): Document =>
  projection === undefined || Object.keys(projection).length === 0 ? doc : Object.fromEntries(Object.entries(doc).filter(([name]) => projection[name] === 1 || (name === '_id' && projection._id !== 0)))

export function createMongosData (): MongosData {
  const collections = new Map<string, Map<string, Document>>()
  const of = (ns: string): Map<string, Document> => {
    const found = collections.get(ns) ?? new Map<string, Document>()
    collections.set(ns, found)
    return found
  }

  return {
    find: (ns, { filter = {}, sort, limit, projection }) => {
      const found = [...collections.get(ns)?.values() ?? []].filter(doc => matches(doc._id as string, filter as Document))
      const direction = (sort as { _id?: number } | undefined)?._id
      if (direction !== undefined) found.sort((a, b) => direction * compare(a._id as string, b._id as string))
      return cursorOf(ns, found.slice(0, (limit as number | undefined) || undefined).map(doc => projected(doc, projection as Document | undefined)))
    },
    insert: (ns, { documents, ordered = true }, refuse) => {
      const docs = of(ns)
      const writeErrors: Document[] = []
      let n = 0
      for (const [index, doc] of (documents as Document[]).entries()) {
        const id = doc._id as string
        const fault = refuse(id) ?? (docs.has(id) ? { code: 11000, errmsg: `E11000 duplicate key error collection: ${ns} index: _id_ dup key: { _id: "${id}" }`, keyPattern: { _id: 1 }, keyValue: { _id: id } } : undefined)
        if (fault === undefined) {
          docs.set(id, doc)
          n++
          continue
        }
        writeErrors.push({ index, ...fault })
        if (ordered === true) break
      }
      return { n, ...writeErrors.length > 0 && { writeErrors }, ok: 1 }
    },
    update: (ns, { updates }, refuse) => {
      const docs = of(ns)
      const writeErrors: Document[] = []
      let n = 0
      for (const [index, { q, u, upsert }] of (updates as Array<{ q: Document, u: Document, upsert?: boolean }>).entries()) {
        const id = q._id as string
        const fault = refuse(id)
        if (fault !== undefined) writeErrors.push({ index, ...fault })
        else if (docs.has(id) ? docs.get(id)?.v === q.v : upsert === true) {
          docs.set(id, { ...u, _id: id })
          n++
        }
      }
      return { n, nModified: n, ...writeErrors.length > 0 && { writeErrors }, ok: 1 }
    },
    remove: (ns, { deletes }) => ({ n: (deletes as Array<{ q: Document }>).filter(({ q }) => of(ns).delete(q._id as string)).length, ok: 1 }),
    drop: database => { for (const ns of collections.keys()) if (ns.startsWith(`${database}.`)) collections.delete(ns) },
    dropOne: ns => { collections.delete(ns) },
    namespaces: () => [...collections.keys()],
    create: ns => { of(ns) }
  }
}
