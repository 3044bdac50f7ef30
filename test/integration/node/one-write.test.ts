/** What a mail costs in durable writes on the embedded store: one, with an idempotency key too. */
import t from 'tap'
import { startNodes } from '../../helpers/in-process-nodes.js'
import { refused } from '../../helpers/raw-client.js'

t.test('one write - a mail, its copy and the claim of its key are one transaction', async t => {
  const { session, store } = await startNodes(t, ['n1'])
  const [ann, bob] = [session('ann', 'n1'), session('bob', 'n1')]
  const post = async (title: string, key?: string, to: object = { user: 'bob' }) => await ann.call('POST', '/messages', { body: { to, title }, ...key !== undefined && { headers: { 'idempotency-key': key } } })
  const writesOf = async (work: () => Promise<{ status: number }>, status: number): Promise<number> => {
    const before = store.lastTransaction()
    t.equal((await work()).status, status)
    return store.lastTransaction() - before
  }

  t.equal(await writesOf(async () => await post('a'), 201), 1, 'without a key')
  t.equal(await writesOf(async () => await post('b', 'key b'), 201), 1, 'with one')
  t.equal(await writesOf(async () => await post('b', 'key b'), 200), 0, 'the same again')
  t.equal(await writesOf(async () => await post('x', 'key b'), 409), 0, 'another message under it')
  t.equal(await writesOf(async () => await post('c', 'key c', { user: 'ann' }), 201), 1, 'to oneself')
  t.equal(await writesOf(async () => await post('d', 'key d', { users: ['bob', 'cid', 'dan'] }), 201), 2, 'to several: their copies with the claim, then the sender\'s')
  t.same((await bob.get('/messages')).messages.map(({ title }: { title: string }) => title), ['d', 'b', 'a'])
})

t.test('one write - requests under one key at the same time are one message', async t => {
  const { session } = await startNodes(t, ['n1'])
  const [ann, bob] = [session('ann', 'n1'), session('bob', 'n1')]
  const post = async (title: string, key: string) => await ann.call('POST', '/messages', { body: { to: { user: 'bob' }, title }, headers: { 'idempotency-key': key } })
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(Array.from({ length: 4 }, async () => await post('same', `same ${round}`)))
    t.same(answers.map(({ status }) => status).sort(), [200, 200, 200, 201])
    t.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
    const [one, other, plain] = await Promise.all([post('one', `two ${round}`), post('other', `two ${round}`), post('plain', `plain ${round}`)])
    t.same([one, other].map(({ status }) => status).sort(), [201, 409])
    refused(t, one.status === 409 ? one : other, 409, 'GP_IDEMPOTENCY_CONFLICT', 'the key stands for one of them')
    t.equal(plain.status, 201, 'nobody is held up')
  }
  const titles = (await bob.get('/messages?limit=200')).messages.map(({ title }: { title: string }) => title)
  t.equal(titles.length, 60)
  t.equal(titles.filter((title: string) => title === 'same').length, 20)
  t.equal((await ann.get('/messages?limit=200&box=sent')).messages.length, 60)
})
