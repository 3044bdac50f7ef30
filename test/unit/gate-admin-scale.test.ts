/** What the dashboard's charts and its ring are drawn from. */
import t from 'tap'
import { arcsOf, linePath, niceCeiling, piecePath } from '../../services/gate/pages/admin/scale.js'
import type { NodeId } from '../../shared/contract/names.js'
import { createRing } from '../../shared/contract/ring.js'

t.test('charts - an axis ends at a round number that is no less', async t => {
  for (const [value, ceiling] of [[0, 1], [NaN, 1], [1, 1], [1.1, 2], [2.2, 2.5], [3, 5], [7, 10], [10, 10], [11, 20], [1234, 2000], [0.03, 0.05]] as const) t.equal(Math.round(niceCeiling(value) * 1e6) / 1e6, ceiling, String(value))
})

t.test('charts - a line has a gap where nothing was heard', async t => {
  t.equal(linePath([[0, 1], [1, 2], null, [3, 4], [4, 5]]), 'M0 1L1 2M3 4L4 5')
  t.equal(linePath([null, [1, 2], null]), 'M1 2L2 2', 'a single point is seen too')
  t.equal(linePath([[0, 1], [1, 2]], 9), 'M0 1L1 2L1 9L0 9Z')
  t.equal(linePath([null, null]), '')
})

t.test('ring - the picture is what the ring assigns: each place has the owner of its shares', async t => {
  const nodes = ['a', 'b', 'c'].map((id, n) => ({ id: id as NodeId, weight: n + 1 }))
  const ring = createRing(nodes)
  const places = ring.sample(50_000)
  t.equal(places.length, 50_000)
  for (const [id, share] of ring.shares()) t.ok(Math.abs(places.filter(owner => owner === id).length / places.length - share) < 0.01, id)
  t.same(createRing([]).sample(10), [])
  t.same(new Set(createRing([nodes[0]!]).sample(10)), new Set(['a']))
})

t.test('ring - places side by side make one arc; a whole turn is drawn', async t => {
  t.same(arcsOf([0, 0, 1, 0]), [{ owner: 0, from: 0, to: 0.5 }, { owner: 1, from: 0.5, to: 0.75 }, { owner: 0, from: 0.75, to: 1 }])
  t.match(piecePath({ from: 0, to: 0.25 }, 1, 2), /^M0 -2A2 2 0 0 1 2 0L1 0A1 1 0 0 0 0 -1Z$/)
  t.notMatch(piecePath({ from: 0, to: 1 }, 50, 90), /M0 -90A90 90 0 1 1 0 -90/)
})
