/** Pushes and handshakes in the form after this one, sent to a whole node. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { userStream, type NodeId } from '../../../shared/contract/names.js'
import { lifeToken, streamToken } from '../../../shared/contract/subjects.js'
import { draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { startNodes } from '../../helpers/in-process-nodes.js'
import { checkChain, openSocket, refusedSocket } from '../../helpers/raw-client.js'

t.test('nodes - a push of a newer form is not misread: what it tells of is read from the store', async t => {
  const { hub, store, session } = await startNodes(t, ['n1'])
  const socket = await openSocket(t, session('ann', 'n1'))
  const clock = createClock()
  await plainAppender(store, clock).append(userStream('ann'), draftMessage(clock, { body: 'from later' }))
  const later = hub.connect('later')
  later.publish(`test.push.${lifeToken('later' as NodeId, 1)}.${streamToken(userStream('ann'))}`, Buffer.from('{"an entry":"of another form"}'))
  t.ok(await socket.message(({ body }) => body === 'from later', 3_000), 'long before the look that comes round')
  t.equal(checkChain(t, socket.entries, 'u:ann', 0).length, 1)
  later.publish(`test.topic.${Buffer.from('later').toString('base64url')}.exact.${Buffer.from('news').toString('base64url')}`, Buffer.from('{}'))
  await session('bob', 'n1').send({ to: { user: 'ann' }, title: 'and on' })
  t.ok(await socket.message('and on'))
})

t.test('nodes - a handshake without a form is of form 1; of a newer one it is refused by name', async t => {
  const { session } = await startNodes(t, ['n1'])
  const ann = session('ann', 'n1')
  for (const form of [undefined, null, 1, 2]) t.equal((await openSocket(t, ann, { auth: { ticket: ann.ticket, form } })).ready.form, form === 2 ? 2 : undefined)
  for (const form of [3, 1.5, 'x', 0]) t.equal(await refusedSocket(t, ann, { auth: { ticket: ann.ticket, form } }), 'GP_VALIDATION')
})
