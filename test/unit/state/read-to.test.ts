/** What marking all read comes to: from a state alone. */
import t from 'tap'
import type { StreamId } from '../../../shared/contract/names.js'
import { planReadTo } from '../../../services/notifications/mailbox/commands/read-to.js'
import { loadState } from '../../../services/notifications/mailbox/state/packed-state.js'
import { foldChange, type UserState } from '../../../services/notifications/mailbox/state/user-state.js'
import type { Places } from '../../../services/notifications/mailbox/unread/counts.js'
import { annStream } from '../../helpers/entry-drafts.js'

const club = 'g:club' as StreamId
const everywhere = { upTo: undefined, category: undefined, holding: undefined, maxCategoryWatermarks: 1 }

function stateOf (...changes: Array<Parameters<typeof foldChange>[2]>): UserState {
  const state = loadState(annStream, undefined, [])
  for (const [i, change] of changes.entries()) foldChange(state, 100 + i, change)
  return state
}

t.test('read to - all streams up to their heads, or to where it was said, and none that is read already', async t => {
  const state = stateOf({ type: 'readTo', readTo: { [club]: 20 } })
  t.same(planReadTo(state, [annStream, club], [10, 20], everywhere), { readTo: { [annStream]: 10 }, crowded: [] })
  t.same(planReadTo(state, [annStream, club], [10, 30], { ...everywhere, upTo: { [annStream]: 5, [club]: 99 } }), { readTo: { [annStream]: 5, [club]: 30 }, crowded: [] })
  t.same(planReadTo(state, [annStream], [0], everywhere), { readTo: {}, crowded: [] }, 'nothing was ever sent')
})

t.test('read to - a category without room for a watermark is marked one by one; one that has a watermark keeps it', async t => {
  const places: Places = { ranges: [{ after: 0, to: 30 }], seqs: [] }
  const holding = new Map([[annStream, places], [club, places]])
  const query = { upTo: undefined, category: 'news', holding, maxCategoryWatermarks: 1 }
  t.same(planReadTo(stateOf(), [annStream, club], [10, 30], query), {
    readTo: { [annStream]: 10 },
    crowded: [{ stream: club, category: 'news', to: 30, places }]
  })
  const state = stateOf({ type: 'readTo', readTo: { [club]: 20 }, category: 'news' })
  t.same(planReadTo(state, [club], [30], query), { readTo: { [club]: 30 }, crowded: [] })
  t.same(planReadTo(state, [club], [20], query), { readTo: {}, crowded: [] })
})
