import t from 'tap'
import { eachPiece, pieces } from '../../services/cli/migrate/pieces.js'
import { howLong, pace, plural } from '../../services/cli/migrate/words.js'
import { createProgress } from '../../services/cli/progress.js'
import { collectionNames } from '../../shared/store/store.js'

t.test('migrate pieces - every key lies in exactly one, and neighbours in the list lie far apart', async t => {
  t.equal(new Set(pieces.map(({ name }) => name)).size, pieces.length)
  for (const collection of collectionNames) {
    const own = pieces.filter(piece => piece.collection === collection)
    const inOrder = [...own].sort((a, b) => a.range.from < b.range.from ? -1 : 1)
    t.equal(inOrder[0]?.range.from, '0')
    t.equal(inOrder.at(-1)?.range.to, 'g')
    t.same(inOrder.slice(1).map(({ range }) => range.from), inOrder.slice(0, -1).map(({ range }) => range.to), 'each begins where the one before it ends')
    const inLowerHalf = own.map(({ range }) => range.from < '8')
    t.ok(inLowerHalf.every((isLower, at) => at === 0 || isLower !== inLowerHalf[at - 1]), 'by turns in the two halves of the keys')
  }
})

t.test('migrate pieces - a failure begins no other piece, and is reported when those under way have ended', async t => {
  const begun: string[] = []
  let ended = 0
  await t.rejects(eachPiece(async ({ name }) => {
    begun.push(name)
    await new Promise(resolve => setImmediate(resolve))
    ended++
    if (begun.length >= 4) throw new Error('away')
  }), { message: 'away' })
  t.ok(begun.length < pieces.length)
  t.equal(ended, begun.length)
  const all: string[] = []
  await eachPiece(async ({ name }) => { all.push(name) })
  t.same(all, pieces.map(({ name }) => name))
})

t.test('migrate words - counts, times, and how far it is', async t => {
  t.equal(plural(1, 'stream'), '1 stream')
  t.equal(plural(12_345, 'stream'), '12,345 streams')
  t.same([400, 45_000, 99_001, 720_000, 11_100_000].map(howLong), ['1 s', '45 s', '2 min', '12 min', '3 h 5 min'])
  t.equal(pace({ verb: 'carrying', done: 3_000, total: 10_000, before: 1_000, elapsedMs: 2_000 }), 'carrying 3,000 of 10,000 documents (30 %), 1,000 a second, 7 s left')
  t.equal(pace({ verb: 'carrying', done: 0, total: 10, before: 0, elapsedMs: 5 }), 'carrying 0 of 10 documents (0 %)', 'nothing is guessed')
  t.equal(pace({ verb: 'comparing', done: 0, total: 0, before: 0, elapsedMs: 0 }), 'comparing 0 of 0 documents (100 %)')
})

t.test('migrate progress - a note stays, on a line of its own', async t => {
  let text = ''
  const progress = createProgress({ write: more => { text += more }, isTerminal: true, now: () => 0 })
  progress.show('a')
  progress.note('lost')
  progress.show('b')
  progress.end()
  t.equal(text, '\r\x1b[Ka\nlost\n\r\x1b[Kb\n')
})
