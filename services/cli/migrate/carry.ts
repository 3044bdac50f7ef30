/**
 * Carries one piece: the documents as they are, under the same keys, version and all. A key exists once, so what is there already is
 * compared and not stored twice; a document of somebody else's under it ends the migration.
 */
import { isDeepStrictEqual } from 'node:util'
import type { CollectionName, Collections, Store } from '../../../shared/store/store.js'
import { MigrateError } from './migrate-error.js'
import { isStoreAway, persist } from './persist.js'
import type { Piece } from './pieces.js'

/** Documents that are read and written together: of 1 KB mostly, of 64 KiB at worst. */
export const pageDocs = 250

export interface CarryOptions {
  readonly source: Store
  readonly target: Store
  readonly piece: Piece
  /** The last key that is there. */
  readonly after: string
  /** All up to this key is there. */
  readonly onCarried: (lastKey: string, documents: number) => void
}

export async function carryPiece ({ source, target, piece: { collection, range }, after, onCarried }: CarryOptions): Promise<void> {
  let from = after === '' ? range.from : nextKey(after)
  for (;;) {
    const page = await source.range(collection, { from, to: range.to }, { limit: pageDocs })
    const last = page.at(-1)
    if (last === undefined) return
    await insertAll(target, collection, page.map(asCarried))
    onCarried(last.key, page.length)
    from = nextKey(last.key)
  }
}

/** No key lies between the two. */
export const nextKey = (key: string): string => `${key}\0`

/** MongoDB's dates have whole milliseconds; nothing goes before its time. */
export const asCarried = <D extends Collections[CollectionName]>(doc: D): D => doc.purgeAt === null ? doc : { ...doc, purgeAt: Math.ceil(doc.purgeAt) }

async function insertAll<C extends CollectionName> (target: Store, collection: C, docs: ReadonlyArray<Collections[C]>): Promise<void> {
  let open = docs
  await persist(async () => {
    const outcomes = await target.insertChains(collection, open.map(doc => [doc]))
    const taken = open.filter((_, at) => outcomes[at]?.stopped === 'exists')
    let failed = outcomes.find(({ stopped }) => stopped === 'refused' || stopped === 'unknown')?.cause
    open = open.filter((_, at) => outcomes[at]?.stored !== 1)
    if (taken.length > 0) {
      try {
        const ours = await whichAreThere(target, collection, taken)
        open = open.filter(doc => !ours.has(doc))
      } catch (error) {
        if (!isStoreAway(error)) throw error
        failed = error
      }
    }
    return open.length === 0 ? { done: undefined } : { failed }
  })
}

/** Those of `docs` that are there as they should be; one that is taken and cannot be read yet has no majority yet. */
async function whichAreThere<C extends CollectionName> (target: Store, collection: C, docs: ReadonlyArray<Collections[C]>): Promise<Set<Collections[C]>> {
  const found = await target.get(collection, docs.map(({ key }) => key))
  const ours = new Set<Collections[C]>()
  for (const [at, doc] of docs.entries()) {
    const there = found[at]
    if (there === undefined) continue
    if (!isDeepStrictEqual(there, doc)) throw new MigrateError(`${collection} has another document under ${JSON.stringify(doc.key)}: something else writes to this database. Stop it (a node, another migration), drop the database and begin anew`)
    ours.add(doc)
  }
  return ours
}
