/**
 * The embedded store of several processes of one machine: the one that opened it (lmdb-store.ts) is the only writer, and takes the writes
 * of the others here. They read by themselves (lmdb-guest.ts).
 */
import type { Socket } from 'node:net'
import { createLink, type Link } from '../platform/link.js'
import type { ChainOutcome, CollectionName, Collections, ReplaceOutcome, Replacement, Store, StoreStatus } from './store.js'

/** `write`: the asking process's own number. */
export type ToShare =
  | { readonly write: number, readonly do: 'insertChains', readonly collection: CollectionName, readonly chains: ReadonlyArray<ReadonlyArray<Collections[CollectionName]>> }
  | { readonly write: number, readonly do: 'replace', readonly collection: CollectionName, readonly replacements: ReadonlyArray<Replacement<Collections[CollectionName]>> }
  | { readonly write: number, readonly do: 'remove', readonly collection: CollectionName, readonly keys: readonly string[] }

export type FromShare =
  | { readonly write: number, readonly outcomes: readonly ChainOutcome[] | readonly ReplaceOutcome[] }
  /** What `remove` rejected with. */
  | { readonly write: number, readonly fault: string | undefined }
  | StoreNews

/** First of all, and whenever it has changed. */
export interface StoreNews {
  readonly status: StoreStatus
  /** Ms since 1970 by which the store deletes, as of now. */
  readonly purgesByMs: number
}

const newsEveryMs = 200
/** Even where the status is the same: the time by which it deletes may have been corrected. */
const quietNews = 50

/** Serves one process until its socket closes. */
export function shareLmdb (store: Store, socket: Socket): void {
  const link: Link<FromShare> = createLink<ToShare, FromShare>(socket, {
    onMessage: message => { void answer(message) },
    onClose: () => { clearInterval(timer) }
  })
  let told = ''
  let quiet = 0

  function tell (): void {
    const status = store.status()
    const text = JSON.stringify(status)
    if (text === told && ++quiet < quietNews) return
    told = text
    quiet = 0
    link.send({ status, purgesByMs: store.purgesByMs?.() ?? Date.now() })
  }

  async function answer (message: ToShare): Promise<void> {
    const { write } = message
    switch (message.do) {
      case 'insertChains': link.send({ write, outcomes: await store.insertChains(message.collection, message.chains) }); return
      case 'replace': link.send({ write, outcomes: await store.replace(message.collection, message.replacements) }); return
      case 'remove': {
        const fault = await store.remove(message.collection, message.keys).then(() => undefined, (error: Error) => error.message)
        link.send({ write, fault })
      }
    }
  }

  tell()
  const timer = setInterval(tell, newsEveryMs)
}
