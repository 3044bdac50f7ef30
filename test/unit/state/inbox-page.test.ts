/** Pages of the inbox against a plain sort of all that the user may see. */
import fc from 'fast-check'
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { allStream, groupStream, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { MessageDoc } from '../../../shared/store/store.js'
import { entryKey, membershipKey } from '../../../shared/store/keys.js'
import { createInboxPages, decodePosition, type Box, type PageQuery } from '../../../services/notifications/mailbox/queries/inbox-pages.js'
import { createUserViews } from '../../../services/notifications/mailbox/state/user-views.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { annStream, dayMs, draftMessage } from '../../helpers/entry-drafts.js'
import { createMemoryStore, type MemoryStore } from '../../helpers/memory-store.js'

const ann = 'ann' as UserId
const anyPage: PageQuery = { limit: 50, before: undefined, box: 'inbox', onlyUnread: false, category: undefined, with: undefined }
const startMs = Date.UTC(2025, 0, 1)

function start (options: { maxLooked?: number } = {}) {
  let nowMs = startMs
  const clock = createClock(() => nowMs)
  const store = createMemoryStore({ now: clock.now })
  const heads = createHeads({ store, clock })
  const views = createUserViews({ store, heads, clock })
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
      await store.insertChains('entries', [[{ ...draftMessage(clock, { home: stream }), key: entryKey(stream, prev), v: 0, seq, purgeAt: clock.now() + 30 * dayMs }]])
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

interface Step { readonly stream: number, readonly isTied: boolean, readonly boxes: 'inbox' | 'sent' | 'both', readonly own: boolean, readonly category: string, readonly short: boolean, readonly isChange: boolean }
interface Listed { readonly seq: number, readonly stream: string, readonly id: string, readonly expiresAt: number }

const streams: readonly StreamId[] = [annStream, groupStream('a'), groupStream('b'), allStream]
const anyStep: fc.Arbitrary<Step> = fc.record({
  stream: fc.nat(3), isTied: fc.boolean(), boxes: fc.constantFrom('inbox', 'inbox', 'sent', 'both'), own: fc.boolean(), category: fc.constantFrom('general', 'news'), short: fc.boolean(), isChange: fc.boolean()
})
const anyQuery = fc.record({ limit: fc.integer({ min: 1, max: 7 }), box: fc.constantFrom<Box>('inbox', 'sent', 'archived'), onlyUnread: fc.boolean(), category: fc.option(fc.constantFrom('general', 'news'), { nil: undefined }) })

t.test('inbox - page by page, whatever the query, gives what a plain sort of everything gives', async t => {
  await fc.assert(fc.asyncProperty(
    fc.array(anyStep, { minLength: 1, maxLength: 60, size: '+1' }), anyQuery, fc.integer({ min: 2, max: 9 }), fc.nat(6), fc.array(fc.record({ at: fc.nat(30), mark: fc.constantFrom('read', 'archived', 'deleted') }), { maxLength: 12 }), fc.nat(30),
    async (steps, query, maxLooked, joinedAt, marks, watermarkAt) => {
      const { clock, store, pages, pass } = start({ maxLooked })
      const tails = new Map<StreamId, number>()
      const docs: Array<{ stream: StreamId, doc: MessageDoc }> = []
      let after = 0
      let seq = 0
      for (const [i, { stream: at, isTied, boxes, own, category, short, isChange }] of steps.entries()) {
        pass(1000)
        const stream = streams[at]!
        const prev = tails.get(stream) ?? 0
        // Two streams may have entries of the same seq.
        seq = isTied && seq > prev ? seq : clock.tick()
        tails.set(stream, seq)
        if (i >= joinedAt && after === 0 && stream === streams[1]) after = seq
        const sender = stream === annStream ? (boxes === 'inbox' ? 'p:shop' : 'u:ann') : own ? 'u:ann' : 'p:shop'
        const draft = draftMessage(clock, { sender, category, boxes: stream === annStream ? boxes : 'inbox', ttlMs: short ? 30_000 : 30 * dayMs })
        const place = { key: entryKey(stream, prev), v: 0, seq, purgeAt: null }
        if (isChange) {
          await store.insertChains('entries', [[{ kind: 'change', id: draft.id, expiresAt: draft.expiresAt, text: JSON.stringify({ type: 'membership', group: 'x', joined: false }), ...place }]])
          continue
        }
        const doc: MessageDoc = { ...draft, ...place }
        docs.push({ stream, doc })
        await store.insertChains('entries', [[doc]])
      }
      await joinAll(store, ['a'], after)
      await joinAll(store, ['b'], 0)
      const marked = new Map<MessageDoc, Set<string>>()
      const changes: object[] = []
      for (const { at, mark } of marks) {
        const one = docs[at]
        if (one === undefined) continue
        marked.set(one.doc, (marked.get(one.doc) ?? new Set()).add(mark))
        const { id, seq, category, expiresAt } = one.doc
        changes.push({ type: 'mark', messages: [{ id, stream: one.stream, seq, category, expiresAt }], [mark]: true })
      }
      const watermark = docs[watermarkAt]?.doc.seq ?? 0
      if (watermark > 0) changes.push({ type: 'readTo', readTo: { [allStream]: watermark }, category: 'news' })
      for (const change of changes) {
        const seq = clock.tick()
        const prev = tails.get(annStream) ?? 0
        tails.set(annStream, seq)
        await store.insertChains('entries', [[{ kind: 'change', id: 'x', expiresAt: Infinity, text: JSON.stringify(change), key: entryKey(annStream, prev), v: 0, seq, purgeAt: null }]])
      }

      const has = (doc: MessageDoc, mark: string): boolean => marked.get(doc)?.has(mark) === true
      const wanted: Listed[] = docs.filter(({ stream, doc }) => {
        const isOwn = doc.sender === 'u:ann'
        if (doc.expiresAt <= clock.now() || has(doc, 'deleted') || (isOwn && stream !== annStream)) return false
        if (stream === streams[1] && doc.seq <= after) return false
        if (query.box === 'sent' ? (stream !== annStream || doc.boxes === 'inbox') : (doc.boxes === 'sent' || has(doc, 'archived') !== (query.box === 'archived'))) return false
        if (query.category !== undefined && doc.category !== query.category) return false
        const isRead = has(doc, 'read') || isOwn || (stream === allStream && doc.category === 'news' && doc.seq <= watermark)
        return !query.onlyUnread || !isRead
      }).map(({ stream, doc }) => ({ seq: doc.seq, stream, id: doc.id, expiresAt: doc.expiresAt }))
        .sort((a, b) => b.seq - a.seq || (a.stream < b.stream ? 1 : -1))
      const { messages, sizes } = await readAll(pages, { ...anyPage, ...query })
      if (messages.map(({ id }) => id).join() !== wanted.map(({ id }) => id).join()) throw new Error(`got ${JSON.stringify(messages.map(({ stream, seq }) => [stream, seq]))}, wanted ${JSON.stringify(wanted.map(({ stream, seq }) => [stream, seq]))}`)
      if (sizes.some(size => size > query.limit)) throw new Error('more than the limit')
    }), { numRuns: 150 })
  t.pass('every page as wanted')
})

t.test('inbox - a cursor is only what a page gave', t => {
  for (const text of ['', 'x', Buffer.from('[1]').toString('base64url'), Buffer.from('[-1,"all"]').toString('base64url'), Buffer.from('[1,"n:x"]').toString('base64url')]) {
    t.throws(() => decodePosition(text), { code: 'GP_VALIDATION' })
  }
  t.end()
})
