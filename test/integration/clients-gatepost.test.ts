/** The libraries against a running Gatepost. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createProducer, type Message } from '../../clients/index.js'
import { startEmbedded, type Deployment } from '../helpers/deployment.js'
import { bodies, faultsOfOrder, memoryStorage, probeInbox, type Probe } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'

/** One address for a Gate that has another port after each start. */
async function fixedAddress (t: Test, deployment: Deployment): Promise<string> {
  const open = new Set<Socket>()
  const server = createServer(near => {
    const far = connect(Number(new URL(deployment.gate).port), '127.0.0.1')
    for (const [one, other] of [[near, far], [far, near]] as const) {
      open.add(one)
      one.on('error', () => { other.destroy() })
      one.on('close', () => { open.delete(one); other.destroy() })
      one.pipe(other)
    }
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const timing = { readyTimeoutMs: 5_000, requestTimeoutMs: 3_000, patienceMs: 10_000, retryBaseMs: 50 }

function open (t: Test, deployment: Deployment, user: string, options: Partial<Parameters<typeof probeInbox>[1]> = {}): Probe {
  return probeInbox(t, { gate: deployment.gate, token: deployment.userToken(user), timing, ...options })
}

async function admin (deployment: Deployment, path: string, method = 'POST'): Promise<Response> {
  return await fetch(`${deployment.gate}${path}`, { method, headers: { authorization: `Bearer ${deployment.adminToken()}` } })
}

t.test('gatepost - mail, groups and announcements reach every device once, in order', async t => {
  const deployment = await startEmbedded(t)
  const [ann, phone, bob] = [open(t, deployment, 'ann'), open(t, deployment, 'ann'), open(t, deployment, 'bob')]
  await Promise.all([ann, phone, bob].map(async ({ inbox }) => { await inbox.whenLive() }))
  for (const user of ['ann', 'bob']) t.equal((await admin(deployment, `/gate/groups/team/members/${user}`, 'PUT')).status, 200)
  await until('joined', () => [ann, phone, bob].every(({ cursors }) => cursors()['g:team'] !== undefined))
  const producer = createProducer({ gate: deployment.gate, token: deployment.producerToken() })
  t.teardown(async () => { await producer.close() })
  const produced = await Promise.all(Array.from({ length: 300 }, async (_, i) =>
    await producer.send({ to: [{ user: 'ann' }, { group: 'team' }, { all: true as const }][i % 3] as { user: string }, body: `p${i}` })))
  t.equal(new Set(produced.map(({ id }) => id)).size, 300)
  const mails = await Promise.all(Array.from({ length: 50 }, async (_, i) => await bob.inbox.send({ to: i % 2 === 0 ? { user: 'ann' } : { group: 'team' }, body: `m${i}` })))
  t.ok(mails.every(({ stream, duplicate }) => stream === 'u:bob' && duplicate === false))
  for (const device of [ann, phone]) {
    await until('all of it', () => bodies(device.entries).length === 350)
    t.strictSame(faultsOfOrder(device.entries), [])
    t.equal(new Set(bodies(device.entries)).size, 350)
    const of = (stream: string): string[] => bodies(device.entries.filter(entry => entry.stream === stream && entry.type === 'message'))
    t.strictSame(of('all'), Array.from({ length: 100 }, (_, i) => `p${i * 3 + 2}`), 'in the order of the producer')
    t.strictSame(of('u:ann').filter(body => body.startsWith('m')), Array.from({ length: 25 }, (_, i) => `m${i * 2}`), 'in the order of the sender')
  }
  await until('counts', () => ann.inbox.unread.unread === 350)
  t.strictSame(await ann.inbox.countUnread(), ann.inbox.unread)

  await t.test('gatepost - what one device does, the other one sees', async t => {
    const [first, second] = (await ann.inbox.list({ limit: 2 })).messages as [Message, Message]
    t.equal((await ann.inbox.markRead(first.id)).unread, 349)
    t.equal((await ann.inbox.markRead([first.id, second.id])).unread, 348)
    t.equal((await ann.inbox.markUnread(first.id)).read, false)
    t.equal((await ann.inbox.archive(second.id)).archived, true)
    t.equal((await ann.inbox.list({ box: 'archived' })).messages[0]?.id, second.id)
    await ann.inbox.remove(first.id)
    await t.rejects(ann.inbox.get(first.id), { code: 'GP_NOT_FOUND' })
    const taken = await bob.inbox.send({ to: { user: 'ann' }, body: 'oops' })
    await bob.inbox.recall(taken.id)
    t.match(await ann.inbox.get(taken.id), { recalled: true, body: null })
    t.equal((await ann.inbox.markRead({})).unread, 0)
    await until('zero', () => phone.inbox.unread.unread === 0)
    t.strictSame(faultsOfOrder(phone.entries), [])
  })

  await t.test('gatepost - topics', async t => {
    t.strictSame(await phone.inbox.subscribe('ehr:api'), ['ehr:api'])
    await producer.send({ to: { topic: 'ehr:', match: 'prefix' }, body: 'v', volatile: true })
    await until('v', () => phone.volatile.length === 1)
    t.equal(ann.volatile.length, 0)
    await phone.inbox.unsubscribe('ehr:api')
  })

  await t.test('gatepost - a refused message says why', async t => {
    await t.rejects(bob.inbox.send({ to: { group: 'not mine' }, body: 'x' }), { code: 'GP_NOT_MEMBER' })
    await t.rejects(bob.inbox.send({ to: { user: 'ann' } }), { code: 'GP_VALIDATION' })
    await t.rejects(producer.send({ to: { user: '' }, body: 'x' }), { code: 'GP_VALIDATION' })
    await t.rejects(producer.send({ to: { user: 'ann' }, body: 'x'.repeat(70_000) }), { code: 'GP_TOO_LARGE' })
  })

  await t.test('gatepost - the token on an open socket is refreshed', async t => {
    const { inbox, states } = open(t, deployment, 'cyd', { token: () => deployment.userToken('cyd', { iat: Date.now() / 1000 | 0, exp: (Date.now() / 1000 | 0) + 8 }) })
    await inbox.whenLive()
    const startedMs = Date.now()
    await until('longer than one token', () => Date.now() - startedMs > 10_000, 12_000, 200)
    t.strictSame(states, ['live'])
  })
})

t.test('gatepost - drained, disconnected, killed and started again: nothing missed, nothing twice', async t => {
  const deployment = await startEmbedded(t)
  const gate = await fixedAddress(t, deployment)
  const devices = ['ann', 'bob', 'cyd', 'dan'].map(user => ({ user, ...open(t, deployment, user, { gate, storage: memoryStorage() }) }))
  await Promise.all(devices.map(async ({ inbox }) => { await inbox.whenLive() }))
  const producer = createProducer({ gate, token: deployment.producerToken(), timing: { retryBaseMs: 50, requestTimeoutMs: 2_000 } })
  t.teardown(async () => { await producer.close({ deadlineMs: 0 }) })

  let isOver = false
  const sent: string[] = []
  const sending = (async () => {
    for (let i = 0; !isOver; i += 1) {
      const body = `p${i}`
      sent.push(body)
      await Promise.all(devices.map(async ({ user }) => await producer.send({ to: { user }, body })))
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })()
  const mailed: Array<{ body: string, stored: Promise<unknown> }> = []
  const mail = (why: string): void => {
    for (const { user, inbox } of devices) {
      const body = `${user} ${why}`
      mailed.push({ body, stored: inbox.send({ to: { user: 'ann' }, body }) })
    }
  }
  const received = (body: string): boolean => devices.every(({ entries }) => bodies(entries).includes(body))
  const lastSent = async (): Promise<void> => {
    const at = sent.length + 3
    await until('more is sent', () => sent.length > at, 30_000)
    await until('received', () => received(sent[at] as string), 30_000)
  }
  await lastSent()

  const { nodes } = await (await admin(deployment, '/gate/nodes', 'GET')).json() as { nodes: Array<{ id: string }> }
  for (const { id } of nodes) {
    t.equal((await admin(deployment, `/gate/nodes/${encodeURIComponent(id)}/drain`)).status, 202)
    mail(`while ${id} drains`)
    await until('all have left it', async () => {
      const { sockets } = await (await admin(deployment, `/gate/nodes/${encodeURIComponent(id)}`, 'GET')).json() as { sockets: number }
      return sockets === 0
    }, 15_000)
    await lastSent()
    t.equal((await admin(deployment, `/gate/nodes/${encodeURIComponent(id)}/drain`, 'DELETE')).status, 202)
    await until('up again', async () => {
      const { state } = await (await admin(deployment, `/gate/nodes/${encodeURIComponent(id)}`, 'GET')).json() as { state: string }
      return state === 'up'
    })
  }
  t.strictSame(devices.map(({ states }) => states), devices.map(() => ['live']), 'make before break')

  for (const { user } of devices) t.equal((await admin(deployment, `/gate/users/${user}/disconnect`)).status, 200)
  mail('while disconnected')
  await lastSent()

  for (let round = 0; round < 2; round += 1) {
    await deployment.kill()
    mail(`while down ${round}`)
    await deployment.start()
    await lastSent()
  }
  isOver = true
  await sending
  await Promise.all(mailed.map(async ({ stored }) => { await stored }))
  for (const { user, entries, errors } of devices) {
    const got = (): string[] => bodies(entries).filter(body => body.startsWith('p'))
    await until(`all of ${user}`, () => got().length >= sent.length)
    t.strictSame(got(), sent, `${user}: each once, in order`)
    t.strictSame(faultsOfOrder(entries), [])
    t.notOk(errors.some(({ retry }) => retry === 'never'))
  }
  // An answer and an entry come by two connections: the answer may be read first.
  const toAnn = (): string[] => bodies(devices[0]?.entries.filter(entry => entry.type === 'message' && entry.boxes.includes('inbox')) ?? []).filter(body => body.includes(' while '))
  await until('all mail', () => toAnn().length >= mailed.length)
  t.strictSame(toAnn().sort(), mailed.map(({ body }) => body).sort(), 'each mail once')
})
