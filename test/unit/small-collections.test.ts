import t from 'tap'
import { SmallSet, SparseMap } from '../../shared/platform/small-collections.js'

t.test('sparse map - is what a map is, from the first entry on and after the last', async t => {
  const map = new SparseMap<string, number>()
  const all = (): Array<[string, number]> => [...map]
  t.same([map.size, map.get('a'), all(), [...map.keys()], [...map.values()]], [0, undefined, [], [], []])
  map.delete('a')
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  t.same([map.size, map.get('a'), all(), [...map.keys()], [...map.values()]], [2, 3, [['a', 3], ['b', 2]], ['a', 'b'], [3, 2]])
  for (const [key] of map) map.delete(key)
  t.same([map.size, map.get('a'), all()], [0, undefined, []])
})

t.test('small set - is what a set is, with none, one and many', async t => {
  const [one, two, three] = [{ n: 1 }, { n: 2 }, { n: 3 }]
  const set = new SmallSet<{ n: number }>()
  const look = (): unknown[] => [set.size, set.has(one), set.has(two), [...set].map(({ n }) => n)]
  t.same(look(), [0, false, false, []])
  t.equal(set.delete(one), false)
  set.add(one)
  set.add(one)
  t.same(look(), [1, true, false, [1]])
  t.equal(set.delete(two), false)
  set.add(two)
  set.add(two)
  set.add(three)
  t.same(look(), [3, true, true, [1, 2, 3]])
  for (const member of set) set.delete(member)
  t.same(look(), [0, false, false, []])
  set.add(two)
  t.same(look(), [1, false, true, [2]])
  t.equal(set.delete(two), true)
  t.same(look(), [0, false, false, []])
})

t.test('small set - the only one may leave while it is looked at', async t => {
  const set = new SmallSet<object>()
  const only = {}
  set.add(only)
  let seen = 0
  for (const member of set) { seen++; set.delete(member) }
  t.same([seen, set.size], [1, 0])
})
