/** Compares one piece, document by document in the order of keys: so every head, every chain and every count is compared too. */
import { isDeepStrictEqual } from 'node:util'
import { placeOfEntry, type CollectionName, type Collections, type KeyRange, type Store } from '../../../shared/store/store.js'
import { compareKeys } from '../../../shared/store/store-keys.js'
import { asCarried, nextKey, pageDocs } from './carry.js'
import { persistReading } from './persist.js'
import type { Piece } from './pieces.js'

export interface Comparison {
  /** The same in both. */
  same: number
  /** Past their time: MongoDB has deleted them, the folder not yet. */
  expired: number
  /** Streams with an entry in both; all of each was compared. */
  streams: number
  /** What is missing, different, or there and not in the folder. */
  readonly differences: Array<{ readonly collection: CollectionName, readonly key: string, readonly is: 'missing' | 'different' | 'unknown to the folder' }>
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

export async function comparePiece ({ source, target, piece: { collection, range }, result, onCompared }: CompareOptions): Promise<void> {
  const there = documentsOf(target, collection, range)
  let found = await there.next()
  let stream: string | undefined
  const differs = (key: string, is: Comparison['differences'][number]['is']): void => { result.differences.push({ collection, key, is }) }
  for await (const original of documentsOf(source, collection, range)) {
    if (result.differences.length >= maxDifferences) return
    const doc = asCarried(original)
    while (found.done !== true && compareKeys(found.value.key, doc.key) < 0) {
      differs(found.value.key, 'unknown to the folder')
      found = await there.next()
    }
    onCompared(1)
    if (found.done === true || found.value.key !== doc.key) {
      if (await isDue(target, doc.purgeAt)) result.expired++
      else differs(doc.key, 'missing')
      continue
    }
    if (isDeepStrictEqual(found.value, doc)) result.same++
    else differs(doc.key, 'different')
    if (collection === 'entries' && placeOfEntry(doc.key).stream !== stream) {
      stream = placeOfEntry(doc.key).stream
      result.streams++
    }
    found = await there.next()
  }
  for (; found.done !== true && result.differences.length < maxDifferences; found = await there.next()) differs(found.value.key, 'unknown to the folder')
}

async function * documentsOf<C extends CollectionName> (store: Store, collection: C, { from, to }: KeyRange): AsyncGenerator<Collections[C], undefined> {
  for (let at = from; ;) {
    const page = await persistReading(async () => await store.range(collection, { from: at, to }, { limit: pageDocs }))
    yield * page
    const last = page.at(-1)
    if (last === undefined || page.length < pageDocs) return undefined
    at = nextKey(last.key)
  }
}

/** By the clock of the server, which deletes by it. */
const isDue = async (target: Store, purgeAt: number | null): Promise<boolean> =>
  purgeAt !== null && purgeAt <= await persistReading(async () => await target.timeMs())
