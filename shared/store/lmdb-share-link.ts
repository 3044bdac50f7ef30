/** What a process that shares the embedded store and the one that writes it (lmdb-share.ts) tell each other, and how it lies in a message. */
import type { MessageReader, MessageWriter } from '../platform/message-bytes.js'
import type { PackedRecord } from './lmdb-encoding.js'
import type { PackedReplacement } from './lmdb-store.js'
import { collectionNames, type ChainOutcome, type CollectionName, type ReplaceOutcome, type StoreStatus } from './store.js'

/** `write`: the asking process's own number. */
export type ToShare =
  | { readonly write: number, readonly do: 'insertChains', readonly collection: CollectionName, readonly chains: ReadonlyArray<readonly PackedRecord[]> }
  | { readonly write: number, readonly do: 'replace', readonly collection: CollectionName, readonly replacements: readonly PackedReplacement[] }
  | { readonly write: number, readonly do: 'remove', readonly collection: CollectionName, readonly keys: readonly string[] }

export type FromShare =
  /** `outcomes` do not travel where all is done, as nearly always. */
  | { readonly write: number, readonly areAllDone: boolean, readonly outcomes: readonly ChainOutcome[] | readonly ReplaceOutcome[] }
  /** What `remove` rejected with. */
  | { readonly write: number, readonly fault: string | undefined }
  | StoreNews

/** First of all, and whenever it has changed. */
export interface StoreNews {
  readonly status: StoreStatus
  /** Ms since 1970 by which the store deletes, as of now. */
  readonly purgesByMs: number
}

const writes = ['insertChains', 'replace', 'remove'] as const
const answers = { allDone: 0, outcomes: 1, fault: 2, news: 3 } as const
/** For what is null or absent. */
const none = NaN

export function writeToShare (to: MessageWriter, message: ToShare): void {
  to.u8(writes.indexOf(message.do)).f64(message.write).u8(collectionNames.indexOf(message.collection))
  switch (message.do) {
    case 'insertChains':
      for (const chain of message.chains) {
        to.u32(chain.length)
        for (const doc of chain) writeRecord(to, doc)
      }
      return
    case 'replace':
      for (const { was, doc } of message.replacements) writeRecord(to.f64(was ?? none), doc)
      return
    case 'remove': for (const key of message.keys) to.text(key)
  }
}

export function readToShare (from: MessageReader): ToShare {
  const what = writes[from.u8()]!
  const write = from.f64()
  const collection = collectionNames[from.u8()]!
  switch (what) {
    case 'insertChains': return { do: what, write, collection, chains: untilEnd(from, () => times(from.u32(), () => readRecord(from))) }
    case 'replace': return { do: what, write, collection, replacements: untilEnd(from, () => ({ was: orNone(from.f64(), undefined), doc: readRecord(from) })) }
    case 'remove': return { do: what, write, collection, keys: untilEnd(from, () => from.text()) }
  }
}

export function writeFromShare (to: MessageWriter, message: FromShare): void {
  if ('status' in message) to.u8(answers.news).value(message)
  else if ('fault' in message) to.u8(answers.fault).f64(message.write).value(message.fault)
  else if (message.areAllDone) to.u8(answers.allDone).f64(message.write)
  else to.u8(answers.outcomes).f64(message.write).value(message.outcomes)
}

export function readFromShare (from: MessageReader): FromShare {
  switch (from.u8()) {
    case answers.news: return from.value() as StoreNews
    case answers.fault: return { write: from.f64(), fault: from.value() as string | undefined }
    case answers.outcomes: return { write: from.f64(), areAllDone: false, outcomes: from.value() as ChainOutcome[] }
    default: return { write: from.f64(), areAllDone: true, outcomes: [] }
  }
}

const writeRecord = (to: MessageWriter, { key, v, purgeAt, packed }: PackedRecord): unknown => to.text(key).f64(v).f64(purgeAt ?? none).bytes(packed)
const readRecord = (from: MessageReader): PackedRecord => ({ key: from.text(), v: from.f64(), purgeAt: orNone(from.f64(), null), packed: from.bytes() })
const orNone = <T>(value: number, absent: T): number | T => Number.isNaN(value) ? absent : value

function untilEnd<T> (from: MessageReader, read: () => T): T[] {
  const all: T[] = []
  while (!from.isAtEnd) all.push(read())
  return all
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)
