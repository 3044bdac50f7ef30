/** A stream whose last entry expires while a node has it open. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { annStream, dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { startNodes } from '../../helpers/in-process-nodes.js'
import { checkChain, openSocket } from '../../helpers/raw-client.js'
import { until } from '../../helpers/until.js'

t.test('nodes - a reader that comes after the last entry was purged gets `gone`, and goes on from there', async t => {
  const { store, session } = await startNodes(t, ['n1'])
  const ago = createClock(() => Date.now() - 1.25 * dayMs)
  const { append } = plainAppender(store, ago)
  const { doc: first } = await append(annStream, draftMessage(ago))
  const { doc: last } = await append(annStream, draftMessage(ago, { ttlMs: 60_000 }))
  const ann = session('ann', 'n1')
  const early = await openSocket(t, ann)
  t.equal(early.ready.heads[annStream], last.seq)
  t.equal(await store.sweep(), 1)

  const late = await openSocket(t, ann, { cursors: { [annStream]: first.seq } })
  t.match(await until('what is gone', () => late.entries.find(({ type }) => type === 'gone'), 3_000), { seq: last.seq, prev: first.seq })
  await session('bob', 'n1').send({ to: { user: 'ann' }, title: 'next' })
  for (const socket of [early, late]) await socket.message('next')
  t.equal(checkChain(t, late.entries, annStream, first.seq).length, 2)
  t.equal(checkChain(t, early.entries, annStream, last.seq).length, 1)
  const { entries } = await late.ask('sync', { cursors: { [annStream]: last.seq } })
  t.equal(checkChain(t, entries, annStream, last.seq).length, 1)
})
