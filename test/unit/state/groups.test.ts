/** Joining and leaving: an entry in the user's stream and a document on both sides, whatever comes between. */
import t from 'tap'
import { createClock, toMs } from '../../../shared/clock.js'
import { groupStream, type GroupId, type UserId } from '../../../shared/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { createGroups } from '../../../services/notifications/mail/groups.js'
import { createUserViews, groupsOf } from '../../../services/notifications/state/user-views.js'
import { createHeads } from '../../../services/notifications/stream/heads.js'
import { dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

const ann = 'ann' as UserId
const club = 'club' as GroupId

function start () {
  const clock = createClock()
  let isRefusing = false
  const store = createMemoryStore({
    before: async ({ kind }) => { await new Promise(resolve => setImmediate(resolve)); return isRefusing && kind === 'replace' ? 'refused' : undefined }
  })
  const node = () => {
    const heads = createHeads({ store, now: clock.now })
    const views = createUserViews({ store, heads, now: clock.now })
    const { append } = plainAppender(store, clock)
    return { views, append, groups: createGroups({ store, clock, heads, views, append, retentionMs: 30 * dayMs }) }
  }
  return { clock, store, node, refuse: (isOn: boolean) => { isRefusing = isOn }, changes: () => store.all<EntryDoc>('entries').filter(({ kind }) => kind === 'change').length }
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
  await groups.joinByToken('bob' as UserId, [club], leftAtMs - 1_000)
  t.same(groupsOf(await views.fresh('bob' as UserId)), [])
  await groups.joinByToken('bob' as UserId, [club], clock.now() + 2_000)
  t.same(groupsOf(await node().views.fresh('bob' as UserId)), [club])
})

t.test('groups - several devices that join at the same moment join once, and see all from then on', async t => {
  const { node, changes, clock } = start()
  const { groups, views, append } = node()
  await append(groupStream(club), draftMessage(clock))
  const posts = (async () => { for (let i = 0; i < 10; i++) await append(groupStream(club), draftMessage(clock)) })()
  await Promise.all(Array.from({ length: 5 }, async () => { await groups.joinByToken(ann, [club], clock.now()) }))
  await posts
  t.equal(changes(), 1)
  t.ok((await views.fresh(ann)).memberships.get(club)!.isMember)
})

t.test('groups - a leaving that was cut short holds on every node, and the same again completes it', async t => {
  const { node, refuse, changes } = start()
  const one = node()
  await one.groups.join(ann, club)
  refuse(true)
  await t.rejects(one.groups.leave(ann, club), { code: 'GP_STORE_UNAVAILABLE' })
  refuse(false)
  t.same(groupsOf(await node().views.fresh(ann)), [])
  await one.groups.leave(ann, club)
  t.equal(changes(), 2, 'said once')
  t.same(await one.groups.members(club, 10, undefined), { members: [], next: null })
})
