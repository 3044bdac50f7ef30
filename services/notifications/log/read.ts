/** Reading a stream by position. An entry's key is its `prev`, so what follows a cursor is one range of keys. */
import { entriesAfter, entriesBefore } from '../../../shared/store/keys.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'

/**
 * The entries with a seq above `cursor`, in order, at most `limit` of them (or one more).
 * Where the first that lies behind the cursor does not name it as its `prev`, expiry has removed what lay between
 * and the entry one step back may belong to it as well.
 */
export async function readAfter (store: Pick<Store, 'range' | 'lasts'>, stream: StreamId, cursor: number, limit: number): Promise<EntryDoc[]> {
  const docs = await store.range('entries', entriesAfter(stream, cursor), { limit })
  const first = docs[0]
  if (cursor === 0 || (first !== undefined && placeOfEntry(first.key).prev === cursor)) return docs
  const [stepBack] = await store.lasts('entries', [entriesBefore(stream, cursor)])
  return stepBack !== undefined && stepBack.seq > cursor ? [stepBack, ...docs] : docs
}

/** The entries with a seq below `seq`, newest first, at most `limit`. */
export async function readBefore (store: Store, stream: StreamId, seq: number, limit: number): Promise<EntryDoc[]> {
  const docs = await store.range('entries', entriesBefore(stream, seq), { limit: limit + 1, reverse: true })
  // The entry at `seq` itself has its key, its prev, below `seq`.
  return docs[0] !== undefined && docs[0].seq >= seq ? docs.slice(1) : docs.slice(0, limit)
}
