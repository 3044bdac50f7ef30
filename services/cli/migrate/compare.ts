/** Compares one piece, document by document: so every head, every chain and every count is compared too. */
import { isDeepStrictEqual } from 'node:util'
import { placeOfEntry, type CollectionName, type Collections, type KeyRange, type Store } from '../../../shared/store/store.js'
import { asCarried, nextKey, pageDocs } from './carry.js'
import { persistReading } from './persist.js'
import type { Piece } from './pieces.js'

export interface Difference { readonly collection: CollectionName, readonly key: string, readonly is: 'missing' | 'different' | 'unknown to the folder' }

export interface Comparison {
  /** The same in both. */
  same: number
  /** Past their time: MongoDB has deleted them, the folder not yet. */
  expired: number
  /** Streams with an entry in the folder; all of each was compared. */
  streams: number
  readonly differences: Difference[]
}

interface CompareOptions {
  readonly source: Store
  readonly target: Store
  readonly piece: Piece
  readonly result: Comparison
  readonly onCompared: (documents: number) => void
}

/** Enough to see what is wrong. */
const maxDifferences = 1_000
/** How many documents that the folder does not have are asked for with a page. */
const unknownInPage = 100

export async function comparePiece ({ source, target, piece: { collection, range }, result, onCompared }: CompareOptions): Promise<void> {
  let stream: string | undefined
  let from = range.from
  while (result.differences.length < maxDifferences) {
    const page = (await source.range(collection, { from, to: range.to }, { limit: pageDocs })).map(asCarried)
    const last = page.length < pageDocs ? undefined : page.at(-1)
    const end = last === undefined ? undefined : nextKey(last.key)
    await comparePage(target, collection, { from, to: end ?? range.to }, page, result)
    if (collection === 'entries') {
      for (const { key } of page) {
        if (placeOfEntry(key).stream !== stream) result.streams++
        stream = placeOfEntry(key).stream
      }
    }
    onCompared(page.length)
    if (end === undefined) return
    from = end
  }
}

/** `page`: all that the folder has in this range. */
async function comparePage<C extends CollectionName> (target: Store, collection: C, range: KeyRange, page: ReadonlyArray<Collections[C]>, result: Comparison): Promise<void> {
  const found = await persistReading(async () => await target.range(collection, range, { limit: page.length + unknownInPage }))
  const there = new Map(found.map(doc => [doc.key, doc]))
  for (const doc of page) {
    const same = there.get(doc.key)
    there.delete(doc.key)
    if (same === undefined) {
      if (await isDue(target, doc.purgeAt)) result.expired++
      else result.differences.push({ collection, key: doc.key, is: 'missing' })
    } else if (isDeepStrictEqual(same, doc)) result.same++
    else result.differences.push({ collection, key: doc.key, is: 'different' })
  }
  for (const key of there.keys()) result.differences.push({ collection, key, is: 'unknown to the folder' })
}

/** By the clock of the server, which deletes by it. */
const isDue = async (target: Store, purgeAt: number | null): Promise<boolean> =>
  purgeAt !== null && purgeAt <= await persistReading(async () => await target.timeMs())
