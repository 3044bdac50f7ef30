/** How documents lie in MongoDB: the key is `_id`, `purgeAt` a date under a TTL index, the rest as in the port. */
import type { Document } from 'mongodb'
import { checkForm, currentForm } from '../contract/form.js'
import type { CollectionName, StoredDoc } from './store.js'

export interface BsonDoc extends Document {
  _id: string
  v: number
  purgeAt: Date | null
  /** A random text of this one write: tells after a broken connection whose document it is. Entries have their `id` for that. */
  w?: string
  /** The document's form; absent = 1. */
  f?: number
}

/** Without `w` where the document has an `id` of its own and is new. */
export function toBson ({ key, purgeAt, ...fields }: StoredDoc, w?: string): BsonDoc {
  return { _id: key, ...fields, purgeAt: purgeAt === null ? null : new Date(purgeAt), f: currentForm, ...(w === undefined ? {} : { w }) }
}

/** Throws GP_STORE_UNAVAILABLE for a newer form. */
export function fromBson<D extends StoredDoc> ({ _id, purgeAt, w, f, ...fields }: BsonDoc): D {
  checkForm(`the document ${JSON.stringify(_id)}`, f)
  return { key: _id, ...fields, purgeAt: purgeAt === null ? null : purgeAt.getTime() } as unknown as D
}

export const hasOwnId = (collection: CollectionName): boolean => collection === 'entries'

/** What tells documents apart without reading them whole. */
export const identityFields = { _id: 1, v: 1, w: 1, id: 1, seq: 1 } as const

/** Whether `found` is what `sent` stored; `unclear` where somebody has replaced it since. */
export function compareIdentity (sent: BsonDoc, found: Document): 'ours' | 'other' | 'unclear' {
  if (sent.w !== undefined && sent.w === found.w) return 'ours'
  // An id is unique, but two nodes may place the same entry (one fell back): who else stored it did so at another seq,
  // and a chain goes on from the seq that is stored.
  if (sent.w === undefined && sent.id !== undefined) return sent.id === found.id && sent.seq === found.seq ? 'ours' : 'other'
  return (found.v as number) > sent.v ? 'unclear' : 'other'
}

/** Roughly, and never too little for text beyond ASCII: what a document takes in a command. */
export function estimateBytes (doc: BsonDoc): number {
  const { text } = doc as { text?: string }
  return 1024 + 3 * (doc._id.length + (text?.length ?? 0))
}
