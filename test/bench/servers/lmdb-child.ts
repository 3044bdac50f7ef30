/** Appends and pages, ours and bare LMDB, without any network. Ours or the baseline, never both in one process. */
import { open } from 'lmdb'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { createInboxPages } from '../../../services/notifications/mailbox/queries/inbox-pages.js'
import { createUserViews } from '../../../services/notifications/mailbox/state/user-views.js'
import { createAppender, type Appender } from '../../../services/notifications/log/appender.js'
import type { EntryDraft } from '../../../services/notifications/log/entry.js'
import { createClock, createMessageId } from '../../../shared/contract/clock.js'
import { entryKey } from '../../../shared/store/keys.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { userStream, type UserId } from '../../../shared/contract/names.js'
import { openLmdbStore, type LmdbStore } from '../../../shared/store/lmdb-store.js'
import type { MessageDoc } from '../../../shared/store/store.js'
import { draft, storedText, userName } from '../message.js'
import { serveParent } from '../serve-parent.js'

const clock = createClock()
const dayMs = 86_400_000
let store: LmdbStore
let appender: Appender
let bare: ReturnType<typeof open>

function makeDraft (user: string, n: number): Extract<EntryDraft, { kind: 'message' }> {
  const expiresAt = clock.now() + 30 * dayMs
  const text = storedText(draft({ user }, n), clock.now(), expiresAt)
  return { kind: 'message', id: createMessageId(clock.tick(), userStream(user)), expiresAt, sender: 'p:shop', category: 'general', boxes: 'inbox', recalled: 0, text }
}

function makeDoc (user: string, n: number, prev: number): MessageDoc {
  const made = makeDraft(user, n)
  return { ...made, key: entryKey(userStream(user), prev), v: 0, seq: clock.tick(), purgeAt: made.expiresAt }
}

/** So many always under way. */
async function inFlight (width: number, count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  await Promise.all(Array.from({ length: width }, async () => { while (next < count) await work(next++) }))
}

let bareCount = 0
const chunk = 1_000

serveParent({
  openOurs: async ({ dir }: { dir: string }) => {
    store = await openLmdbStore({ dir, sweepIntervalMs: 0 })
    appender = createAppender({ store, clock, log: createSilentLog(), onAppended: () => {} })
  },
  openBare: ({ dir }: { dir: string }) => { bare = open({ path: dir }) },

  append: async ({ width, count, users }: { width: number, count: number, users: number }) => {
    await inFlight(width, count, async n => {
      const user = userName(n % users)
      await appender.append(userStream(user), makeDraft(user, n))
    })
  },
  put: async ({ width, count, users }: { width: number, count: number, users: number }) => {
    await inFlight(width, count, async n => {
      const user = userName(n % users)
      await bare.put([user, bareCount++], makeDraft(user, n))
      await bare.flushed
    })
  },

  /** An inbox of so many messages. */
  fill: async ({ user, count }: { user: string, count: number }) => {
    let prev = 0
    for (let done = 0; done < count;) {
      const docs: MessageDoc[] = []
      for (; docs.length < chunk && done < count; done++) {
        const doc = makeDoc(user, done, prev)
        prev = doc.seq
        docs.push(doc)
      }
      const [outcome] = await store.insertChains('entries', [docs])
      if (outcome?.stored !== docs.length) throw new Error(`not stored: ${String(outcome?.cause ?? outcome?.stopped)}`)
    }
  },
  fillBare: async ({ user, count }: { user: string, count: number }) => {
    for (let n = 0; n < count; n++) void bare.put([user, n], makeDraft(user, n))
    await bare.flushed
  },
  page: async ({ user, count, limit }: { user: string, count: number, limit: number }) => {
    const heads = createHeads({ store, clock })
    const views = createUserViews({ store, heads, clock })
    const pages = createInboxPages({ store, heads, views, now: clock.now })
    const query = { limit, before: undefined, box: 'inbox', onlyUnread: false, category: undefined, with: undefined } as const
    let text = ''
    for (let i = 0; i < count; i++) text = await pages.page(user as UserId, query)
    return (JSON.parse(text) as { messages: unknown[] }).messages.length
  },
  range: async ({ user, count, limit }: { user: string, count: number, limit: number }) => {
    let found = 0
    for (let i = 0; i < count; i++) {
      const values: unknown[] = []
      for (const { value } of bare.getRange({ start: [user, Infinity], end: [user, -1], reverse: true, limit })) values.push(value)
      found = values.length
      // As often in the hands of the event loop as a server would be.
      await Promise.resolve()
    }
    return found
  }
})
