/** What a broken or lost broadcast did not bring reaches open sockets all the same, without help of the client. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { userStream } from '../../../shared/contract/names.js'
import { draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { startNodes } from '../../helpers/in-process-nodes.js'
import { checkChain, openSocket } from '../../helpers/raw-client.js'

t.test('nodes - broadcasts that are lost on the way come within 3 s', async t => {
  const { hub, session, userOf } = await startNodes(t, ['n1', 'n2'])
  const ann = userOf('n1', 'ann')
  const socket = await openSocket(t, session(ann, 'n2'))
  let lost = 0
  const stop = hub.lose(({ subject }) => /\.(push|arc)\./.test(subject) && ++lost > 0)
  const bob = session('bob', 'n1')
  for (let i = 0; i < 20; i++) await bob.send({ to: { user: ann }, title: `m${i}` })
  t.ok(lost >= 20)
  stop()
  await socket.message('m19', 3_000)
  t.same(socket.titles(), Array.from({ length: 20 }, (_, i) => `m${i}`))
  t.equal(checkChain(t, socket.entries, `u:${ann}`, 0).length, 20)
})

t.test('nodes - the last ones of a node that falls silent come as soon as it is down', async t => {
  const { hub, session, userOf, kill } = await startNodes(t, ['n1', 'n2', 'n3'])
  const ann = userOf('n1', 'ann')
  const sockets = await Promise.all(['n2', 'n3'].map(async node => await openSocket(t, session(ann, node))))
  // From here on nothing of n1 is heard, and it does not know.
  hub.lose(({ from }) => from === 'n1')
  await session('bob', 'n1').send({ to: { user: ann }, title: 'the last' })
  await kill('n1')
  for (const socket of sockets) t.equal((await socket.message('the last', 5_000)).stream, `u:${ann}`)
})

t.test('nodes - what a node stored while it was cut off is found when it dies, whosever stream it is', async t => {
  const { hub, session, userOf, kill } = await startNodes(t, ['n1', 'n2', 'n3'])
  const users = ['n1', 'n2', 'n3'].map(node => userOf(node, 'ann'))
  const sockets = await Promise.all(users.map(async (user, i) => await openSocket(t, session(user, i === 1 ? 'n3' : 'n2'))))
  const bob = session('bob', 'n1')
  hub.disconnect('n1')
  const sent = await Promise.all(Array.from({ length: 30 }, async (_, i) => await bob.send({ to: { users }, title: `m${i}` })))
  t.equal(sent.length, 30, 'a node that is cut off answers')
  await kill('n1')
  for (const socket of sockets) {
    await socket.message(({ seq }) => socket.entries.filter(({ type }) => type === 'message').length === 30 && seq !== undefined, 8_000)
    t.equal(new Set(socket.titles()).size, 30)
    t.equal(checkChain(t, socket.entries, `u:${socket.session.user}`, 0).length, 30)
  }
})

t.test('nodes - a stream that grew and nobody said so is found by the look that comes round', async t => {
  const { store, session } = await startNodes(t, ['n1', 'n2'], { lookRoundMs: 1_000 })
  const sockets = await Promise.all(['ann', 'bob', 'cid'].map(async (user, i) => await openSocket(t, session(user, i % 2 === 0 ? 'n1' : 'n2'))))
  const clock = createClock()
  const foreign = plainAppender(store, clock)
  for (let round = 1; round <= 2; round++) {
    for (const { session: { user } } of sockets) await foreign.append(userStream(user), draftMessage(clock, { body: `round ${round}` }))
    for (const socket of sockets) t.ok(await socket.message(({ body }) => body === `round ${round}`, 8_000))
  }
  for (const socket of sockets) t.equal(checkChain(t, socket.entries, `u:${socket.session.user}`, 0).length, 2)
})

t.test('nodes - the same message by several nodes at once, broadcast by each: every socket gets it once', async t => {
  const { session, userOf } = await startNodes(t, ['n1', 'n2', 'n3'])
  const ann = userOf('n3', 'ann')
  const socket = await openSocket(t, session(ann, 'n2'))
  const bobs = ['n1', 'n2', 'n3'].map(node => session('bob', node))
  for (let i = 0; i < 15; i++) {
    const answers = await Promise.all(bobs.map(async bob => await bob.call('POST', '/messages', { body: { to: { user: ann }, title: `m${i}` }, headers: { 'idempotency-key': `k${i}` } })))
    t.same(new Set(answers.map(({ body }) => body.id)).size, 1)
    t.same(answers.map(({ status }) => status).sort(), [200, 200, 201])
  }
  await socket.message('m14')
  t.equal((await session(ann, 'n1').list()).length, 15)
  t.same(socket.titles(), Array.from({ length: 15 }, (_, i) => `m${i}`))
})
