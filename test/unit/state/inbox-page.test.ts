/** Pages of the inbox against a plain sort of all that the user may see. */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createClock } from '../../../shared/clock.js'
import { allStream, groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../../shared/names.js'
import type { MessageDoc } from '../../../shared/store/store.js'
import { entryKey, membershipKey } from '../../../shared/keys.js'
import { createInboxPages, decodePosition, type Box, type PageQuery } from '../../../services/notifications/mail/inbox-page.js'
import { createUserViews } from '../../../services/notifications/state/user-views.js'
import { createHeads } from '../../../services/notifications/stream/heads.js'
import { annStream, dayMs, draftMessage } from '../../helpers/entry-drafts.js'
import { createMemoryStore, type MemoryStore } from '../../helpers/memory-store.js'

const ann = 'ann' as UserId
const anyPage: PageQuery = { limit: 50, before: undefined, box: 'inbox', onlyUnread: false, category: undefined, with: undefined }
const startMs = Date.UTC(2025, 0, 1)

function start (options: { maxRead?: number } = {}) {
  let nowMs = startMs
  const clock = createClock(() => nowMs)
  const store = createMemoryStore({ now: clock.now })
  const heads = createHeads({ store, now: clock.now })
  const views = createUserViews({ store, heads, now: clock.now })
  const pages = createInboxPages({ store, heads, views, now: clock.now, ...options })
  return { clock, store, pages, pass: (ms: number) => { nowMs += ms } }
}

async function joinAll (store: MemoryStore, groups: readonly string[], after: number): Promise<void> {
  await store.insertChains('state', groups.map(group => [{ key: membershipKey(annStream, group), v: 0, purgeAt: null, text: JSON.stringify({ isMember: true, seq: 1, after }) }]))
}

/** Every page in turn; fails when pages do not come to an end. */
async function readAll (pages: ReturnType<typeof createInboxPages>, query: PageQuery, maxPages = 500): Promise<{ messages: any[], sizes: number[] }> {
  const messages: any[] = []
  const sizes: number[] = []
  for (let before = query.before; ;) {
    const { messages: found, next } = JSON.parse(await pages.page(ann, { ...query, before })) as { messages: any[], next: string | null }
    messages.push(...found)
    sizes.push(found.length)
    if (next === null) return { messages, sizes }
    if (sizes.length >= maxPages) throw new Error(`no end after ${maxPages} pages, the last of ${found.length}`)
    before = decodePosition(next)
  }
}

t.test('inbox - the pages of a member of many busy groups go on to the end and are full', async t => {
  const { clock, store, pages, pass } = start()
  const groups = Array.from({ length: 60 }, (_, i) => `group${String(i).padStart(2, '0')}`)
  await joinAll(store, groups, 0)
  const tails = new Map<string, number>()
  for (let round = 0; round < 60; round++) {
    for (const group of groups) {
      pass(1)
      const stream = groupStream(group)
      const seq = clock.tick()
      const prev = tails.get(group) ?? 0
      tails.set(group, seq)
      await store.insertChains('entries', [[{ ...draftMessage(clock, { home: stream }), key: entryKey(stream, prev), v: 0, seq, purgeAt: clock.now() + 30 * dayMs } as MessageDoc]])
    }
  }
  const { messages, sizes } = await readAll(pages, anyPage)
  t.equal(messages.length, 60 * 60)
  t.same(messages.map(message => message.seq), messages.map(message => message.seq).sort((a: number, b: number) => b - a))
  t.ok(sizes.slice(0, -1).every(size => size === 50), 'nothing is filtered, so every page but the last is full')
  const before = store.commands.length
  await pages.page(ann, { ...anyPage, before: { seq: messages[1800].seq, stream: messages[1800].stream } })
  t.ok(store.commands.length - before < 80, `commands of a page in the middle: ${store.commands.length - before}`)
})
