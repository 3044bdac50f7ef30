import t from 'tap'
import { advance, asCursors, createSequencer } from '../../clients/sequencer.js'
import type { ChangeEntry, Entry } from '../../clients/protocol.js'

const gone = (stream: string, prev: number, seq: number): Entry => ({ type: 'gone', stream, prev, seq })
const joined = (prev: number, seq: number, group: string, after: number): ChangeEntry => ({ type: 'change', stream: 'u:a', prev, seq, group, joined: true, after })

t.test('sequencer - takes what follows, drops what it has had, sees what is missing', async t => {
  const sequencer = createSequencer()
  t.equal(sequencer.hasBegun, false)
  sequencer.begin({ 'u:a': 10, all: 0 })
  t.equal(sequencer.hasBegun, true)
  t.equal(sequencer.take(gone('u:a', 10, 12)), 'next')
  t.equal(sequencer.take(gone('u:a', 10, 12)), 'seen')
  t.equal(sequencer.take(gone('u:a', 13, 15)), 'hole')
  t.strictSame(sequencer.tails(), { 'u:a': 12, all: 0 }, 'a hole moves nothing')
  t.equal(sequencer.take(gone('u:a', 12, 13)), 'next')
  t.equal(sequencer.take(gone('u:a', 13, 15)), 'next')
})

t.test('sequencer - prev 0 above the cursor is a new beginning, below it a repetition', async t => {
  const sequencer = createSequencer()
  sequencer.begin({ all: 10 })
  t.equal(sequencer.take(gone('all', 0, 9)), 'seen')
  t.equal(sequencer.take(gone('all', 0, 40)), 'next')
  t.strictSame(sequencer.tails(), { all: 40 })
})

t.test('sequencer - what a sync answers first is next, and only the first', async t => {
  const sequencer = createSequencer()
  sequencer.begin({ all: 10 })
  const asked = sequencer.tails()
  t.equal(sequencer.take(gone('all', 11, 12), asked), 'next')
  t.equal(sequencer.take(gone('all', 13, 14), asked), 'hole')
  t.equal(sequencer.take(gone('g:new', 500, 501)), 'hole', 'a stream of which nothing is known')
  t.equal(sequencer.take(gone('g:new', 500, 501), sequencer.tails()), 'next')
})

t.test('sequencer - a group begins at the cursor that joining gives, and is never set back', async t => {
  const sequencer = createSequencer()
  sequencer.begin({ 'u:a': 1 })
  t.equal(sequencer.take(joined(1, 2, 'x', 100)), 'next')
  t.equal(sequencer.take(gone('g:x', 100, 101)), 'next')
  t.equal(sequencer.take(joined(2, 3, 'x', 50)), 'next')
  t.equal(sequencer.tails()['g:x'], 101)
  t.strictSame(advance({ 'u:a': 1, 'g:x': 101 }, joined(1, 2, 'x', 100)), { 'u:a': 2, 'g:x': 101 })
  t.strictSame(advance({ 'u:a': 1 }, joined(1, 2, 'x', 100)), { 'u:a': 2, 'g:x': 100 })
  sequencer.keepOnly({ 'u:a': 3 })
  t.strictSame(sequencer.tails(), { 'u:a': 3 })
})

t.test('sequencer - kept cursors are taken only where they can be some', async t => {
  t.strictSame(asCursors({ all: 3, 'u:a': -1, 'g:x': '4', 'g:y': 1.5 }), { all: 3 })
  for (const value of [undefined, null, 'x', [], {}, { all: 'x' }]) t.equal(asCursors(value), undefined)
})
