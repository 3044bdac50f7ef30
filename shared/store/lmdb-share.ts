/**
 * The embedded store of several processes of one machine: the one that opened it (lmdb-store.ts) is the only writer, and takes the writes
 * of the others here. They read by themselves, and pack what they write (lmdb-guest.ts): the writer looks at keys alone.
 */
import type { Socket } from 'node:net'
import { createLink, type Link } from '../platform/link.js'
import { readToShare, writeFromShare, type FromShare, type ToShare } from './lmdb-share-link.js'
import type { LmdbStore } from './lmdb-store.js'

const newsEveryMs = 200
/** Even where the status is the same: the time by which it deletes may have been corrected. */
const quietNews = 50

/** Serves one process until its socket closes. */
export function shareLmdb (store: LmdbStore, socket: Socket): void {
  const link: Link<FromShare> = createLink<ToShare, FromShare>(socket, {
    read: readToShare,
    write: writeFromShare,
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
      case 'insertChains': {
        const outcomes = await store.packed.insertChains(message.collection, message.chains)
        link.send({ write, outcomes, areAllDone: outcomes.every(({ stopped }) => stopped === undefined) })
        return
      }
      case 'replace': {
        const outcomes = await store.packed.replace(message.collection, message.replacements)
        link.send({ write, outcomes, areAllDone: outcomes.every(outcome => outcome === 'done') })
        return
      }
      case 'remove': {
        const fault = await store.remove(message.collection, message.keys).then(() => undefined, (error: Error) => error.message)
        link.send({ write, fault })
      }
    }
  }

  tell()
  const timer = setInterval(tell, newsEveryMs)
}
