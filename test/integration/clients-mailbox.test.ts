import t from 'tap'
import { probeInbox } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'
import { startWireDouble, userToken } from '../helpers/wire-double.js'

t.test('mailbox - pages, one message, counts', async t => {
  const server = await startWireDouble(t)
  for (let i = 0; i < 25; i += 1) server.post({ to: { user: 'ann' }, body: String(i) })
  const { inbox } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  const seen: unknown[] = []
  let before: string | null | undefined
  do {
    const page = await inbox.list({ limit: 10, ...(before === undefined || before === null ? {} : { before }) })
    seen.push(...page.messages.map(({ body }) => body))
    before = page.next
  } while (before !== null && before !== undefined)
  t.strictSame(seen, Array.from({ length: 25 }, (_, i) => String(24 - i)))
  const [first] = (await inbox.list({ limit: 1 })).messages
  t.equal((await inbox.get(first?.id ?? '')).body, '24')
  t.equal((await inbox.countUnread()).unread, 25)
  await t.rejects(inbox.get('no/such id'), { code: 'GP_NOT_FOUND', status: 404, retry: 'never' })
})

t.test('mailbox - read, unread, archive, remove, act, recall, each seen on the other device', async t => {
  const server = await startWireDouble(t)
  const ann = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  const phone = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  const bob = probeInbox(t, { gate: server.gateUrl, token: userToken('bob') })
  await Promise.all([ann, phone, bob].map(async ({ inbox }) => { await inbox.whenLive() }))
  const ids: string[] = []
  for (const body of ['a', 'b', 'c', 'd']) ids.push((await bob.inbox.send({ to: { user: 'ann' }, body, actions: [{ id: 'a/b', label: 'B' }, { id: 'c', label: 'C' }] })).id)
  t.equal((await ann.inbox.markRead(ids[0] ?? '')).unread, 3)
  t.equal((await ann.inbox.markRead([ids[1] ?? '', ids[2] ?? ''])).unread, 1)
  t.equal((await ann.inbox.markUnread(ids[1] ?? '')).read, false)
  t.equal((await ann.inbox.archive(ids[2] ?? '')).archived, true)
  t.equal((await ann.inbox.list({ box: 'archived' })).messages.length, 1)
  t.equal((await ann.inbox.archive(ids[2] ?? '', false)).archived, false)
  await ann.inbox.remove(ids[3] ?? '')
  t.equal((await ann.inbox.list()).messages.length, 3)
  t.equal((await ann.inbox.act(ids[1] ?? '', 'a/b')).acted, 'a/b')
  await t.rejects(ann.inbox.act(ids[1] ?? '', 'c'), { code: 'GP_CONFLICT' })
  await bob.inbox.recall(ids[0] ?? '')
  t.match(await ann.inbox.get(ids[0] ?? ''), { recalled: true, body: null, actions: null })
  t.equal((await ann.inbox.markRead({})).unread, 0)
  await until('all changes', () => phone.entries.filter(({ type }) => type === 'change').length === 9)
  await until('count', () => phone.inbox.unread.unread === 0)
})

t.test('mailbox - a ticket that ran out is replaced without a word', async t => {
  const server = await startWireDouble(t)
  server.post({ to: { user: 'ann' }, body: 'x' })
  const { inbox, errors, states } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.expireTickets('ann')
  t.equal((await inbox.list()).messages.length, 1)
  t.strictSame(errors, [])
  t.strictSame(states, ['live'])
})

t.test('mailbox - calls go to another node when one is gone, and end in an error when all are', async t => {
  const server = await startWireDouble(t)
  const { id } = server.post({ to: { user: 'ann' }, body: 'x' })
  const { inbox } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  await server.nodeOf('ann')?.kill()
  t.equal((await inbox.markRead(id)).unread, 0)
  t.equal((await inbox.list()).messages[0]?.read, true)
  for (const node of server.nodes) await node.kill()
  await t.rejects(inbox.list(), { code: 'GP_UNREACHABLE', retry: 'elsewhere' })
})
