/**
 * The second half of a recall: what the message said is erased where it is stored. Whoever meets a recall whose message is
 * still whole does it, so that a node that died between the two halves leaves nothing behind.
 */
import { GatepostError } from '../../../shared/contract/errors.js'
import { entriesBefore } from '../../../shared/store/keys.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { MessageDoc, Store } from '../../../shared/store/store.js'
import { erasedText } from './entry.js'

const maxTries = 10

/** Idempotent. Rejects with GP_STORE_UNAVAILABLE. */
export async function erase (store: Store, stream: StreamId, messageSeq: number, changeSeq: number): Promise<void> {
  for (let tries = 0; tries < maxTries; tries++) {
    // The entry with seq s is the last one whose prev is below s.
    const [doc] = await store.lasts('entries', [entriesBefore(stream, messageSeq)])
    if (doc?.kind !== 'message' || doc.seq !== messageSeq || isErased(doc)) return
    const [outcome] = await store.replace('entries', [{ was: doc.v, doc: erasedDoc(doc, changeSeq) }])
    if (outcome === 'done') return
  }
  throw new GatepostError('GP_STORE_UNAVAILABLE', 'a message could not be erased; the same again completes it')
}

/** A version that did not know of all that is erased now may have left some of it. */
export const isErased = (doc: MessageDoc): boolean => doc.recalled > 0 && doc.text === erasedText(doc)

export const erasedDoc = (doc: MessageDoc, changeSeq: number): MessageDoc =>
  ({ ...doc, v: doc.v + 1, recalled: changeSeq, text: erasedText(doc) })
