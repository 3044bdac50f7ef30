/** "All of this category is read", in ever new categories: what is kept for it has an end, and nothing is unread again. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { allStream, groupStream, type GroupId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { JsonDoc } from '../../../shared/store/store.js'
import { createGroups } from '../../../services/notifications/mailbox/commands/groups.js'
import { createRecordChange } from '../../../services/notifications/mailbox/commands/record-change.js'
import { createMarks } from '../../../services/notifications/mailbox/commands/marks.js'
import { createUnreadCounter } from '../../../services/notifications/mailbox/unread/unread.js'
import { categoryWatermarks } from '../../../services/notifications/mailbox/state/user-state.js'
import { createUserViews } from '../../../services/notifications/mailbox/state/user-views.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { createMessageFinder } from '../../../services/notifications/log/find-messages.js'
import { annStream, dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

const ann = 'ann' as UserId
const club = 'club' as GroupId

function startAnn ({ maxCategoryWatermarks, ...counting }: { maxCategoryWatermarks?: number, maxBytes?: number, page?: number } = {}) {
  const clock = createClock()
  const store = createMemoryStore()
  const { append } = plainAppender(store, clock)
  const start = () => {
    const heads = createHeads({ store, clock })
    const views = createUserViews({ store, heads, clock })
    const unread = createUnreadCounter({ store, views, heads, now: clock.now, ...counting })
    const options = { store, finder: createMessageFinder({ store }), clock, now: clock.now, heads, views, unread, append, retentionMs: 30 * dayMs, way: 'add' as const, ...maxCategoryWatermarks !== undefined && { maxCategoryWatermarks } }
    return { views, unread, marks: createMarks({ ...options, record: createRecordChange(options) }), groups: createGroups(options) }
  }
  const post = async (category: string, { to = annStream, sender = 'p:shop' }: { to?: StreamId, sender?: string } = {}): Promise<string> => {
    const { doc } = await append(to, draftMessage(clock, { home: to, category, sender }))
    return doc.id
  }
  const baseLength = (): number => store.all<JsonDoc>('state').find(({ key }) => key.endsWith('\tb'))?.text.length ?? 0
  return { post, start, baseLength, ...start() }
}

/** Each is read among all before it, so that the work grows with their square. */
const categories = process.env['GATEPOST_TEST_FULL'] === undefined ? 600 : 3_000

t.test('category watermarks - very many categories read one by one: the base document has an end, and all stays read', async t => {
  const { post, marks, unread, views, baseLength, start } = startAnn()
  const name = (i: number): string => `thread ${i} ${'x'.repeat(100)}`
  for (let i = 0; i < categories; i++) await post(name(i))
  for (let i = 0; i < categories; i++) await marks.readTo(ann, undefined, name(i))
  t.same(await unread.of(ann), { unread: 0, byCategory: {} })
  t.equal(categoryWatermarks((await views.fresh(ann)).state), 200)
  t.ok(baseLength() < 128 << 10, 'the base document', { length: baseLength() })
  t.same(await start().unread.of(ann), { unread: 0, byCategory: {} }, 'and so it is stored')
  await marks.readTo(ann, undefined, undefined)
  t.equal(categoryWatermarks((await views.fresh(ann)).state), 0, 'all is read: none is needed')
})

t.test('category watermarks - without room messages are marked one by one: in every stream, archived ones too, those of others not', async t => {
  const { post, marks, unread, groups } = startAnn({ maxCategoryWatermarks: 0 })
  await groups.join(ann, club)
  for (const to of [annStream, groupStream(club), allStream]) {
    for (let i = 0; i < 300; i++) await post('news', { to })
    await post('mail', { to })
  }
  await post('news', { to: groupStream(club), sender: annStream })
  const archived = await post('news')
  await marks.change(ann, archived, { archived: true })
  t.equal(await marks.readTo(ann, undefined, 'news'), 901)
  t.same((await unread.of(ann)).byCategory, { mail: 3 })
  t.match(await marks.show(ann, archived), /"read":true,"archived":true/)
  const later = await post('news')
  t.same((await unread.of(ann)).byCategory, { mail: 3, news: 1 }, 'what comes later is not read')
  await marks.change(ann, later, { read: true })
  t.equal(await marks.readTo(ann, undefined, 'news'), 0, 'all is read')
})

t.test('category watermarks - many at once: the room is kept, and the work is done once', async t => {
  const { post, marks, views, unread } = startAnn({ maxCategoryWatermarks: 3 })
  for (let i = 0; i < 6; i++) await post(`thread ${i}`)
  await Promise.all(Array.from({ length: 6 }, async (_, i) => await marks.readTo(ann, undefined, `thread ${i}`)))
  t.equal(categoryWatermarks((await views.fresh(ann)).state), 3)
  t.same((await unread.of(ann)).unread, 0)
  for (let i = 0; i < 300; i++) await post('busy')
  const marked = await Promise.all(Array.from({ length: 40 }, async () => await marks.readTo(ann, undefined, 'busy')))
  t.equal(marked.reduce((sum, one) => sum + one), 300)
})

t.test('category watermarks - a group that is forgotten and begun anew for others while it is read: it is marked all the same', async t => {
  // Room for two of the three streams; many pages, so that the others come in between.
  const { post, marks, unread, groups } = startAnn({ maxBytes: 2_500, page: 1 })
  const others = ['bob', 'carol'] as UserId[]
  await groups.join(ann, club)
  for (let i = 0; i < 30; i++) await post('news', { to: groupStream(club) })
  await groups.join(others[0]!, club)
  await groups.join(others[1]!, 'choir' as GroupId)
  const marking = marks.readTo(ann, undefined, 'news')
  for (let i = 0; i < 5; i++) for (const other of others) await unread.of(other)
  await marking
  t.same(await unread.of(ann), { unread: 0, byCategory: {} })
})

t.test('category watermarks - a name that no message has leaves nothing', async t => {
  const { post, marks, views } = startAnn()
  await post('news')
  for (let i = 0; i < 300; i++) await marks.readTo(ann, undefined, `made up ${i}`)
  const { state } = await views.fresh(ann)
  t.equal(state.readTo.size, 0)
})

t.test('watermarks - one of a group goes with the membership, and joining again brings nothing old', async t => {
  const { post, marks, unread, views, groups, start } = startAnn()
  for (let i = 0; i < 50; i++) {
    const group = `g${i}` as GroupId
    await groups.join(ann, group)
    await post('news', { to: groupStream(group) })
    await marks.readTo(ann, undefined, undefined)
    await groups.leave(ann, group)
  }
  await groups.join(ann, 'g3' as GroupId)
  t.same([...(await views.fresh(ann)).state.readTo.keys()], [annStream])
  t.equal((await unread.of(ann)).unread, 0)
  t.equal((await start().unread.of(ann)).unread, 0)
})
