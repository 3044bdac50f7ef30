/** Joining and leaving: an entry in the user's stream and a document on both sides, whatever comes between. */
import t from 'tap'
import { createClock, toMs } from '../../../shared/contract/clock.js'
import { groupStream, userStream, type GroupId, type UserId } from '../../../shared/contract/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { createGroups } from '../../../services/notifications/mailbox/commands/groups.js'
import { createUserViews, groupsOf } from '../../../services/notifications/mailbox/state/user-views.js'
import { appendRules, createAppender } from '../../../services/notifications/log/appender.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { leavesIn } from '../../../services/notifications/log/leave-mark.js'
import { streamToken } from '../../../shared/contract/subjects.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { dayMs, draftMessage } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

const ann = 'ann' as UserId
const club = 'club' as GroupId

const token = (groups: readonly string[] | undefined, issuedAt: number | undefined, aheadMs = 0) => ({ groups, issuedAt, aheadMs })

function start (way: 'add' | 'replace' = 'add') {
  const clock = createClock()
  let isRefusing = false
  /** Inserts fail after so many more. */
  let insertsLeft = Infinity
  const store = createMemoryStore({
    before: async ({ kind }) => { await new Promise(resolve => setImmediate(resolve)); return (isRefusing && kind === 'replace') || (kind === 'insertChains' && insertsLeft-- <= 0) ? 'refused' : undefined }
  })
  const node = () => {
    const heads = createHeads({ store, clock })
    const views = createUserViews({ store, heads, clock })
    const { append } = createAppender({ store, clock, log: createSilentLog(), onAppended: () => {}, rules: { ...appendRules, giveUpMs: 200 } })
    return { views, append, groups: createGroups({ store, clock, heads, views, append, retentionMs: 30 * dayMs, way }) }
  }
  const marks = (): string[][] => store.all<EntryDoc>('entries').filter(doc => doc.kind === 'log').map(doc => leavesIn(doc).map(({ token }) => token))
  return { clock, store, node, marks, failInsertsAfter: (count: number) => { insertsLeft = count }, refuse: (isOn: boolean) => { isRefusing = isOn }, changes: () => store.all<EntryDoc>('entries').filter(({ kind }) => kind === 'change').length }
}

t.test('groups - joining and leaving, listed page by page, and tombstones', async t => {
  const { node, clock } = start()
  const { groups, views } = node()
  for (const user of ['cid', 'ann', 'bob', 'dan']) await groups.join(user as UserId, club)
  await groups.leave('bob' as UserId, club)
  t.same(await groups.members(club, 2, undefined), { members: ['ann', 'cid'], next: 'cid' })
  t.same(await groups.members(club, 2, 'cid'), { members: ['dan'], next: null })
  t.same(groupsOf(await views.fresh('bob' as UserId)), [])
  // A token from before the leaving does not bring the user back, a later one does.
  const leftAtMs = toMs((await views.fresh('bob' as UserId)).memberships.get(club)!.seq)
  await groups.takeToken('bob' as UserId, token([club], leftAtMs - 1_000))
  t.same(groupsOf(await views.fresh('bob' as UserId)), [])
  await groups.takeToken('bob' as UserId, token([club], clock.now() + 2_000))
  t.same(groupsOf(await node().views.fresh('bob' as UserId)), [club])
})

t.test('groups - several devices that join at the same moment join once, and see all from then on', async t => {
  const { node, changes, clock } = start()
  const { groups, views, append } = node()
  await append(groupStream(club), draftMessage(clock))
  const posts = (async () => { for (let i = 0; i < 10; i++) await append(groupStream(club), draftMessage(clock)) })()
  await Promise.all(Array.from({ length: 5 }, async () => { await groups.takeToken(ann, token([club], clock.now())) }))
  await posts
  t.equal(changes(), 1)
  t.ok((await views.fresh(ann)).memberships.get(club)!.isMember)
})

t.test('groups - a leaving that was cut short holds on every node, and the same again completes it', async t => {
  const { node, refuse, changes } = start()
  const one = node()
  await one.groups.join(ann, club)
  refuse(true)
  await t.rejects(one.groups.leave(ann, club), { code: 'GP_OUTCOME_UNKNOWN' })
  refuse(false)
  t.same(groupsOf(await node().views.fresh(ann)), [])
  await one.groups.leave(ann, club)
  t.equal(changes(), 3, 'and says so again: a token of between must not bring her back')
  t.same(await one.groups.members(club, 10, undefined), { members: [], next: null })
})

t.test('groups - taken out before ever having been in: a token issued before brings nobody in', async t => {
  const { node, clock } = start()
  const { groups, views } = node()
  const issuedAt = clock.now() - 1_000
  await groups.leave(ann, club)
  await groups.takeToken(ann, token([club], issuedAt))
  t.same(groupsOf(await views.fresh(ann)), [])
  // And one that was issued between two leavings.
  const between = clock.now() + 1_000
  const later = node()
  while (clock.now() <= between) await new Promise(resolve => setTimeout(resolve, 20))
  await later.groups.leave(ann, club)
  await later.groups.takeToken(ann, token([club], between))
  t.same(groupsOf(await later.views.fresh(ann)), [])
  await later.groups.takeToken(ann, token([club], clock.now() + 1_000))
  t.same(groupsOf(await later.views.fresh(ann)), [club])
})

t.test('groups - a token of a clock that is ahead does not bring back who was taken out after it was issued', async t => {
  const { node, clock } = start()
  const { groups, views } = node()
  await groups.join(ann, club)
  const issuedAt = clock.now() + 50_000
  await groups.leave(ann, club)
  await groups.takeToken(ann, token([club], issuedAt, 60_000))
  t.same(groupsOf(await views.fresh(ann)), [])
  await groups.takeToken(ann, token([club], clock.now() + 61_000, 60_000))
  t.same(groupsOf(await views.fresh(ann)), [club])
})

t.test('groups - replace: a token is the whole truth for the groups that came by tokens, the newest one wins', async t => {
  const { node, clock } = start('replace')
  const [one, two] = [node(), node()]
  const now = clock.now() - 60_000
  const groupsNow = async (): Promise<string[]> => groupsOf(await node().views.fresh(ann)).sort()
  await one.groups.join(ann, 'by hand' as GroupId)
  await one.groups.takeToken(ann, token(['a', 'b', 'by hand'], now))
  t.same(await groupsNow(), ['a', 'b', 'by hand'])
  await two.groups.takeToken(ann, token(['b', 'c'], now))
  t.same(await groupsNow(), ['b', 'by hand', 'c'], 'of the same second, too')
  await one.groups.takeToken(ann, token(['a', 'b'], now - 1_000))
  t.same(await groupsNow(), ['b', 'by hand', 'c'], 'an older one changes nothing')
  await one.groups.takeToken(ann, token(undefined, now + 1_000))
  await one.groups.takeToken(ann, token([], undefined))
  t.same(await groupsNow(), ['b', 'by hand', 'c'], 'nor one that does not say, or not when')
  await two.groups.takeToken(ann, token(['a'], now + 1_000))
  t.same(await groupsNow(), ['a', 'by hand'], 'back by a newer one, though it left a moment ago')
  await one.groups.takeToken(ann, token(['b'], now))
  t.same(await groupsNow(), ['a', 'by hand'])
  await two.groups.leave(ann, 'a' as GroupId)
  await two.groups.takeToken(ann, token(['a'], now + 1_000))
  t.same(await groupsNow(), ['by hand'], 'taken out by hand is out')
  await two.groups.takeToken(ann, token([], now + 2_000))
  t.same(await groupsNow(), ['by hand'])
  await Promise.all([one, two].map(async ({ groups }) => { await groups.takeToken(ann, token(['x', 'y'], now + 3_000)) }))
  await one.groups.join(ann, 'x' as GroupId)
  await two.groups.takeToken(ann, token([], now + 4_000))
  t.same(await groupsNow(), ['by hand', 'x'], 'x was joined by hand as well')
})

t.test('groups - replace: what was cut short is completed by the same token', async t => {
  const { node, clock, refuse } = start('replace')
  const issuedAt = clock.now()
  await node().groups.takeToken(ann, token(['a', 'b'], issuedAt))
  const one = node()
  refuse(true)
  await t.rejects(one.groups.takeToken(ann, token(['b', 'c'], issuedAt + 1_000)))
  refuse(false)
  await node().groups.takeToken(ann, token(['b', 'c'], issuedAt + 1_000))
  t.same(groupsOf(await node().views.fresh(ann)).sort(), ['b', 'c'])
  await node().groups.takeToken(ann, token([], issuedAt + 2_000))
  t.same(groupsOf(await node().views.fresh(ann)), [])
})

t.test('groups - a leave is answered once it is marked in the group, whatever failed on the way; once is enough', async t => {
  const { node, marks, failInsertsAfter, changes } = start()
  const { groups } = node()
  await groups.join(ann, club)
  failInsertsAfter(1) // the leave itself
  await t.rejects(groups.leave(ann, club), { code: 'GP_OUTCOME_UNKNOWN' })
  failInsertsAfter(Infinity)
  t.equal(changes(), 2, 'the leave itself is stored')
  t.same(marks(), [])
  await node().groups.leave(ann, club)
  t.same(marks(), [[streamToken(userStream(ann))]], 'the same again marks it')
  await groups.leave(ann, club)
  await node().groups.leave(ann, club)
  t.equal(marks().length, 1, 'and nothing is left to mark')
})

t.test('groups - a group that is emptied has few marks, with everybody in them', async t => {
  const { node, marks } = start()
  const { groups } = node()
  const users = Array.from({ length: 60 }, (_, i) => `user ${i}` as UserId)
  await Promise.all(users.map(async user => { await groups.join(user, club) }))
  await Promise.all(users.map(async user => { await groups.leave(user, club) }))
  t.same(marks().flat().sort(), users.map(user => streamToken(userStream(user))).sort())
  t.ok(marks().length <= 10, `marks: ${marks().length}`)
})
