/** Reading a stream by position. An entry's key is its `prev`, so what follows a cursor is one range of keys. */
import { decodeTime, parseMessageId, ticksPerMs } from '../../../shared/clock.js'
import { entriesAfter, entriesBefore, entryKey, locatorKey } from '../../../shared/keys.js'
import type { StreamId } from '../../../shared/names.js'
import { placeOfEntry, type EntryDoc, type MessageDoc, type Store } from '../../../shared/store/store.js'

/**
 * The entries with a seq above `cursor`, in order, at most `limit` of them (or one more).
 * Where the first that lies behind the cursor does not name it as its `prev`, expiry has removed what lay between
 * and the entry one step back may belong to it as well.
 */
export async function readAfter (store: Store, stream: StreamId, cursor: number, limit: number): Promise<EntryDoc[]> {
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

/** An entry lands at most so long after its id's time, or leaves a locator. */
const landsWithin = 60_000 * ticksPerMs
const firstPage = 16
const laterPage = 256

/** The message with this id in this stream, hidden or not; undefined where there is none. */
export async function findMessage (store: Store, stream: StreamId, id: string): Promise<MessageDoc | undefined> {
  const parsed = parseMessageId(id)
  if (parsed === undefined) return undefined
  const { time } = parsed
  const [stepBack] = await store.lasts('entries', [entriesBefore(stream, time)])
  if (stepBack?.id === id) return asMessage(stepBack)
  return await findBetween(store, stream, id, time, entryKey(stream, time + landsWithin)) ??
    await findLate(store, stream, id)
}

async function findBetween (store: Store, stream: StreamId, id: string, from: number, to: string): Promise<MessageDoc | undefined> {
  for (let at = from, limit = firstPage; ; limit = laterPage) {
    const docs = await store.range('entries', { from: entryKey(stream, at), to }, { limit })
    const found = docs.find(doc => doc.id === id)
    if (found !== undefined) return asMessage(found)
    if (docs.length < limit) return undefined
    at = docs.at(-1)!.seq
  }
}

/** A late entry lies behind the place that its locator names: how far is bounded by how long its last try took. */
async function findLate (store: Store, stream: StreamId, id: string): Promise<MessageDoc | undefined> {
  const [locator] = await store.get('claims', [locatorKey(stream, id)])
  if (locator === undefined) return undefined
  return await findBetween(store, stream, id, decodeTime(locator.text), entriesAfter(stream, 0).to)
}

const asMessage = (doc: EntryDoc): MessageDoc | undefined => doc.kind === 'message' ? doc : undefined
