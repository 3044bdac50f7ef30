/** The rules of appending over every order of their steps; and that none of the rules can be left out. */
import t from 'tap'
import { explore, type ModelOptions, type Rules, type Try } from '../../helpers/append-model.js'

const all: Rules = { freshness: true, cleared: true, unique: true, located: true, steady: true, latest: true }
/** A hand-over whose answer is lost, the fallback of who asked, a retry after it, and another writer. */
const handedTwice: readonly Try[] = [{ id: 'X', node: 0 }, { id: 'X', node: 1 }, { id: 'Y', node: 1 }, { id: 'X', node: 0, after: 0 }]
const retried: readonly Try[] = [{ id: 'X', node: 0 }, { id: 'Y', node: 1 }, { id: 'X', node: 1, after: 0 }]
const shortQuiet: readonly Try[] = [{ id: 'X', node: 0 }, { id: 'Y', node: 1, after: 0 }, { id: 'Z', node: 0, after: 1 }]
const goneBehind: readonly Try[] = [{ id: 'L', node: 0 }, { id: 'X', node: 1, after: 0 }, { id: 'V', node: 1, after: 1 }, { id: 'W', node: 0, after: 2 }]
const threeWriters: readonly Try[] = [{ id: 'X', node: 0 }, { id: 'X', node: 1 }, { id: 'Y', node: 2 }]
/** Entries that come and go on one node while another keeps an old head in memory. The fourth makes thirty times as many states, and is in the long form. */
const longQuiet: readonly Try[] = [
  { id: 'Y', node: 0 }, { id: 'Z', node: 1, after: 0 }, { id: 'W', node: 0, after: 1 },
  ...process.env['GATEPOST_TEST_FULL'] === undefined ? [] : [{ id: 'V', node: 1, after: 1 }]
]

const scenes: ReadonlyArray<[string, Omit<ModelOptions, 'rules' | 'maxStates'>]> = [
  ['a hand-over whose answer is lost, its fallback, a retry, another writer', { tries: handedTwice, hours: 1, unknowns: 1 }],
  ['three nodes at once, two inserts without an answer', { tries: threeWriters, hours: 0, unknowns: 2 }],
  ['a stream that expires, with and without pauses', { tries: longQuiet, hours: 6, unknowns: 0 }],
  ['a node whose clock is far ahead, a maker of ids whose clock is behind', { tries: retried, hours: 1, unknowns: 1, clocks: { nodes: [6, 0], makers: { X: -6 } } }],
  ['a node whose clock is far behind, a maker of ids whose clock is ahead', { tries: retried, hours: 1, unknowns: 1, clocks: { nodes: [-6, 0], makers: { X: 6 } } }],
  ['clocks that jump ahead and back, a restart', { tries: retried, hours: 1, unknowns: 0, restarts: 1, clocks: { nodes: [0, 0], jumps: { to: [-6, 6], times: 1 } } }],
  ['a stream that expires, with a bad node and a clock that jumps', { tries: shortQuiet, hours: 6, unknowns: 0, clocks: { nodes: [-6, 0], jumps: { to: [-6, 6], times: 1 } } }],
  ['an entry that comes and goes behind an old head, and a clock that is set back', { tries: goneBehind, hours: 5, unknowns: 0, clocks: { nodes: [0, 0], jumps: { to: [-6], times: 1 } } }]
]

for (const [what, scene] of scenes) {
  t.test(`model - ${what}: every order ends in one chain, each entry once`, t => {
    const found = explore({ ...scene, rules: all, maxStates: 400_000 })
    t.comment(JSON.stringify(found))
    t.equal(found.violation, undefined)
    t.ok(found.isComplete, 'all of it was searched')
    t.ok(found.ends > 0, 'tries come to an end')
    if (scene.hours > 5 && scene.clocks === undefined) t.ok(found.beginnings > 0, 'streams begin again')
    t.end()
  })
}

t.test('model - without the look for the same entry it is stored twice', t => {
  t.equal(explore({ ...scenes[0]![1], rules: { ...all, cleared: false }, maxStates: 400_000 }).violation, 'stored twice')
  t.end()
})

t.test('model - without the rule of freshness the chain forks, or is filled in', t => {
  t.match(explore({ ...scenes[2]![1], rules: { ...all, freshness: false }, maxStates: 400_000 }).violation, /forks|filled in/)
  t.end()
})

t.test('model - without unique keys the chain forks', t => {
  t.match(explore({ ...scenes[1]![1], rules: { ...all, unique: false }, maxStates: 400_000 }).violation, /forks|twice/)
  t.end()
})

t.test('model - with wall clocks that are wrong each of their rules is needed', t => {
  const broken = (scene: number, rules: Partial<Rules>): string | undefined => explore({ ...scenes[scene]![1], rules: { ...all, ...rules }, maxStates: 400_000 }).violation
  t.equal(broken(3, { located: false }), 'stored twice')
  t.match(broken(7, { steady: false }), /forks|filled in|twice/)
  t.match(broken(7, { latest: false }), /forks|filled in|twice/)
  t.end()
})
