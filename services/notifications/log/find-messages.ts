/**
 * Messages by their ids. An id begins with its time and an entry lands soon after that: the entry one step back from
 * the time is it, nearly always. What lands further on lies within a minute and within `mostBetween` entries, or has
 * left a late pointer (duplicate-search.ts).
 *
 * An id that nobody has would cost all of that each time it is asked for: so what was read is remembered (known-parts.ts).
 * Ids that are asked for together are looked for in the order of their times, in one pass, with a turn of the event loop
 * between two reads.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { decodeTime, parseMessageId } from '../../../shared/contract/clock.js'
import { entriesAfter, entriesBefore, latePointerKey } from '../../../shared/store/keys.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc, MessageDoc, Store } from '../../../shared/store/store.js'
import { KnownParts, Part } from './known-parts.js'

export interface MessageFinder {
  /** Those of these ids that are in this stream, hidden or not, by id. */
  find: (stream: StreamId, ids: readonly string[]) => Promise<Map<string, MessageDoc>>
}

/** An entry lands behind at most so many others: what the appender knows by heart (RecentIds), and what goes with it in one group. */
const mostBetween = 6_000
/** Each id is looked for in so many entries before any is looked for in more. */
const probed = 16
/** One call reads no more than this, late pointers aside: what is not found by then counts as not there. */
const mostRead = 20_000
const mostAtOnce = 250
const firstLatePage = 16
const latePage = 256

interface Sought { readonly id: string, readonly time: number, stepBack?: EntryDoc | undefined }

/** One call's reading: how many entries it may still read, and the part that was read up to the stream's end. */
interface Pass { left: number, ended: Part | undefined, readonly onDoc: (doc: EntryDoc) => void }

export function createMessageFinder ({ store }: { store: Store }): MessageFinder {
  const parts = new KnownParts()

  /** Reads on until an entry of this id is known, or `depth` entries behind its time are. */
  async function lookBehind (stream: StreamId, { id, time, stepBack }: Sought, depth: number, pass: Pass): Promise<void> {
    let part = parts.of(stream)
    if (part?.reaches(time, stepBack) !== true) part = new Part(time, stepBack)
    while (pass.left > 0 && pass.ended !== part && !part.covers(time, depth) && !part.seqOf.has(id)) {
      const limit = part.takePage()
      const docs = await store.range('entries', entriesAfter(stream, part.to), { limit })
      parts.remember(stream, part, docs)
      for (const doc of docs) pass.onDoc(doc)
      pass.left -= docs.length
      if (docs.length < limit) pass.ended = part
      await turn()
    }
  }

  async function findLate (stream: StreamId, ids: readonly string[], onDoc: (doc: EntryDoc) => void): Promise<void> {
    const pointers = await store.get('claims', ids.map(id => latePointerKey(stream, id)))
    for (const [i, pointer] of pointers.entries()) {
      if (pointer === undefined) continue
      // How far behind it the entry lies is bounded by how long its last try took.
      for (let at = decodeTime(pointer.text), limit = firstLatePage; ; limit = latePage) {
        const docs = await store.range('entries', entriesAfter(stream, at), { limit })
        const found = docs.find(({ id }) => id === ids[i])
        if (found !== undefined) onDoc(found)
        if (found !== undefined || docs.length < limit) break
        at = docs.at(-1)!.seq
        await turn()
      }
    }
  }

  return {
    find: async (stream, ids) => {
      const found = new Map<string, EntryDoc>()
      const wanted = new Set(ids)
      const onDoc = (doc: EntryDoc): void => { if (wanted.has(doc.id)) found.set(doc.id, doc) }
      const sought = [...wanted].flatMap((id): Sought[] => {
        const parsed = parseMessageId(id)
        return parsed === undefined ? [] : [{ id, time: parsed.time }]
      }).sort((a, b) => a.time - b.time)
      const isOpen = ({ id }: Sought): boolean => !found.has(id)
      const slices = function * (of: readonly Sought[]): Generator<Sought[]> {
        for (let at = 0; at < of.length; at += mostAtOnce) yield of.slice(at, at + mostAtOnce)
      }

      const part = parts.of(stream)
      const unknown = sought.filter(({ id, time }) => part?.seqOf.has(id) === true || part?.covers(time, mostBetween) !== true)
      for (const slice of slices(unknown)) {
        const docs = await store.lasts('entries', slice.map(({ id, time }) => entriesBefore(stream, part?.seqOf.get(id) ?? time)))
        for (const [i, doc] of docs.entries()) {
          if (doc === undefined) continue
          onDoc(doc)
          if (part?.seqOf.has(slice[i]!.id) !== true) slice[i]!.stepBack = doc
        }
        if (sought.length > mostAtOnce) await turn()
      }
      const pass: Pass = { left: mostRead, ended: undefined, onDoc }
      for (const depth of [probed, mostBetween]) {
        for (const one of unknown) if (isOpen(one)) await lookBehind(stream, one, depth, pass)
      }
      for (const slice of slices(sought.filter(isOpen))) await findLate(stream, slice.map(({ id }) => id), onDoc)
      return new Map([...found].filter((one): one is [string, MessageDoc] => one[1].kind === 'message'))
    }
  }
}
