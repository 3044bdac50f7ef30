/** The rules of appending over every order of their steps; and that none of the rules can be left out. */
import t from 'tap'
import { explore, type ModelOptions, type Try } from '../../helpers/append-model.js'

const all = { freshness: true, cleared: true, unique: true }
/** A hand-over whose answer is lost, the fallback of who asked, a retry after it, and another writer. */
const handedTwice: readonly Try[] = [{ id: 'X', node: 0 }, { id: 'X', node: 1 }, { id: 'Y', node: 1 }, { id: 'X', node: 0, after: 0 }]
const threeWriters: readonly Try[] = [{ id: 'X', node: 0 }, { id: 'X', node: 1 }, { id: 'Y', node: 2 }]
/** Entries that come and go on one node while another keeps an old head in memory. */
const longQuiet: readonly Try[] = [{ id: 'Y', node: 0 }, { id: 'Z', node: 1, after: 0 }, { id: 'W', node: 0, after: 1 }, { id: 'V', node: 1, after: 1 }]

const scenes: ReadonlyArray<[string, Omit<ModelOptions, 'rules' | 'maxStates'>]> = [
  ['a hand-over whose answer is lost, its fallback, a retry, another writer', { tries: handedTwice, hours: 1, unknowns: 1 }],
  ['three nodes at once, two inserts without an answer', { tries: threeWriters, hours: 0, unknowns: 2 }],
  ['a stream that expires, with and without pauses', { tries: longQuiet, hours: 6, unknowns: 0 }]
]

for (const [what, scene] of scenes) {
  t.test(`model - ${what}: every order ends in one chain, each entry once`, t => {
    const found = explore({ ...scene, rules: all, maxStates: 400_000 })
    t.comment(JSON.stringify(found))
    t.equal(found.violation, undefined)
    t.ok(found.isComplete, 'all of it was searched')
    t.ok(found.ends > 0, 'tries come to an end')
    if (scene.hours > 5) t.ok(found.beginnings > 0, 'streams begin again')
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
