import t from 'tap'
import { bodies, faultsOfOrder, memoryStorage, probeInbox, shortTiming } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'
import { startWireDouble, userToken } from '../helpers/wire-double.js'

t.test('connection - reassign: the new socket is ready before the old one goes', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries, states, volatile } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), topics: ['x'] })
  await inbox.whenLive()
  const from = server.nodeOf('ann')
  server.place((_user, candidates) => candidates.find(node => node !== from) ?? candidates[0] as never)
  let most = 0
  server.reassign('ann', 20)
  for (let i = 0; server.nodeOf('ann') === from || server.socketsOf('ann').length > 1; i += 1) {
    most = Math.max(most, server.socketsOf('ann').length)
    t.ok(server.socketsOf('ann').length > 0)
    server.post({ to: { user: 'ann' }, body: String(i) })
    server.post({ to: { topic: 'x' }, body: String(i), volatile: true })
    await new Promise(resolve => setImmediate(resolve))
  }
  server.post({ to: { user: 'ann' }, body: 'end' })
  await until('end', () => bodies(entries).includes('end'))
  t.equal(most, 2)
  t.strictSame(faultsOfOrder(entries), [])
  t.equal(entries.length, server.entriesOf('u:ann').length)
  t.equal(new Set(volatile.map(({ id }) => id)).size, volatile.length)
  t.strictSame(states, ['live'])
})

t.test('connection - a move that fails is tried again while the old socket serves on', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries, states, errors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.faults.refuseHandshakes.push('GP_OVERLOADED', 'GP_OVERLOADED')
  server.reassign('ann')
  await until('two refusals', () => errors.length === 2)
  server.post({ to: { user: 'ann' }, body: 'x' })
  await until('moved', () => server.seen.handshakes.length === 2 && server.socketsOf('ann').length === 1)
  await until('x', () => entries.length === 1)
  t.strictSame(states, ['live'])
})

t.test('connection - the old socket dies while it moves', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.reassign('ann', 60_000)
  await inbox.subscribe('barrier')
  server.cut('ann')
  server.post({ to: { user: 'ann' }, body: 'x' })
  await until('x', () => entries.length === 1)
  t.equal(server.socketsOf('ann').length, 1)
})

t.test('connection - a node that does not answer is avoided', async t => {
  const server = await startWireDouble(t, { nodes: 3 })
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  const dead = server.nodeOf('ann')
  await dead?.kill()
  server.post({ to: { user: 'ann' }, body: 'x' })
  await until('x', () => entries.length === 1)
  t.not(server.nodeOf('ann'), dead)
  t.strictSame(server.seen.assigns.at(-1), [dead?.id])
})

t.test('connection - all nodes gone and back again', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries, states, errors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  for (const node of server.nodes) await node.kill()
  await until('offline', () => inbox.state === 'offline' && errors.length > 3)
  server.post({ to: { user: 'ann' }, body: 'x' })
  for (const node of server.nodes) await node.revive()
  await until('x', () => entries.length === 1)
  t.equal(states[0], 'live')
  t.ok(states.includes('offline'))
  t.equal(states.at(-1), 'live')
  t.ok(errors.every(({ retry }) => retry !== 'never'))
})

t.test('connection - a Gate that is not there yet', async t => {
  const server = await startWireDouble(t)
  const { inbox, errors, states } = probeInbox(t, { gate: 'http://127.0.0.1:9', token: userToken('ann') })
  await until('three tries', () => errors.length >= 3)
  t.strictSame(errors.map(({ code }) => code).slice(0, 3), Array(3).fill('GP_UNREACHABLE'))
  const waiting = t.rejects(inbox.whenLive(), { code: 'GP_CLOSED' })
  await inbox.close()
  await inbox.close()
  await waiting
  t.equal(inbox.state, 'closed')
  t.equal(states.at(-1), 'closed')
  await t.rejects(inbox.send({ to: { user: 'bob' }, body: 'x' }), { code: 'GP_CLOSED' })
  await t.rejects(inbox.list(), { code: 'GP_CLOSED' })
  t.equal(server.seen.assigns.length, 0)
})

t.test('connection - refusals: later waits, elsewhere asks Gate again, never ends it', async t => {
  const server = await startWireDouble(t)
  server.faults.refuseHandshakes.push('GP_OVERLOADED', 'GP_TICKET_EXPIRED', 'GP_DRAINING', 'GP_STORE_UNAVAILABLE')
  const { inbox, errors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  t.strictSame(errors.map(({ code }) => code), ['GP_OVERLOADED', 'GP_TICKET_EXPIRED', 'GP_DRAINING', 'GP_STORE_UNAVAILABLE'])
  t.equal(server.seen.assigns.length, 5)
  t.equal(server.seen.assigns[3]?.length, 1, 'a draining node is avoided')

  server.faults.refuseHandshakes.push('GP_VALIDATION', 'GP_VALIDATION')
  const other = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await t.rejects(other.inbox.whenLive(), { code: 'GP_VALIDATION' })
  t.equal(other.inbox.state, 'closed')
  t.strictSame(other.states, ['closed'])
})

t.test('connection - a node that refuses form 2 is asked for form 1; one that does not know it sends that', async t => {
  const server = await startWireDouble(t)
  server.faults.refusesForm2 = true
  const { inbox, entries, errors, states } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.faults.refusesForm2 = false
  server.cut('ann')
  server.post({ to: { user: 'ann' }, body: 'x' })
  await until('x', () => bodies(entries).includes('x'))
  t.equal(server.seen.handshakes.length, 2)
  t.strictSame(server.seen.assigns.length, 2, 'with the same ticket')
  t.notOk(errors.some(({ code }) => code === 'GP_VALIDATION'))
  t.equal(states[0], 'live')
})

t.test('connection - an expired token: a text ends it, a function is asked for another one', async t => {
  const server = await startWireDouble(t)
  const old = userToken('ann', { ttlSeconds: -10 })
  const ended = probeInbox(t, { gate: server.gateUrl, token: old })
  await t.rejects(ended.inbox.whenLive(), { code: 'GP_TOKEN_EXPIRED' })
  let calls = 0
  const renewed = probeInbox(t, { gate: server.gateUrl, token: () => ++calls === 1 ? old : userToken('ann') })
  await renewed.inbox.whenLive()
  t.equal(calls, 2)
  const hopeless = probeInbox(t, { gate: server.gateUrl, token: () => userToken('ann', { ttlSeconds: -10 }) })
  await t.rejects(hopeless.inbox.whenLive(), { code: 'GP_TOKEN_EXPIRED' })
})

t.test('connection - a ticket that the node does not take is replaced, whatever it calls it', async t => {
  const server = await startWireDouble(t)
  server.faults.refuseHandshakes.push('GP_TOKEN_EXPIRED', 'GP_TOKEN_INVALID')
  const { inbox, errors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  t.strictSame(errors.map(({ code }) => code), ['GP_TICKET_EXPIRED', 'GP_TICKET_EXPIRED'])
})

t.test('connection - cut off in the middle of a move: one new socket, not two', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  for (let round = 0; round < 5; round += 1) {
    const before = server.seen.handshakes.length
    const asked = server.seen.assigns.length
    server.reassign('ann')
    await until('move begun', () => server.seen.assigns.length > asked, 5_000, 1)
    server.cut('ann')
    await until('back', () => server.seen.handshakes.length > before && inbox.state === 'live' && server.socketsOf('ann').length > 0)
    server.post({ to: { user: 'ann' }, body: String(round) })
    await until('received', () => bodies(entries).includes(String(round)))
    t.equal(server.seen.handshakes.length, before + 1)
    t.equal(server.socketsOf('ann').length, 1)
  }
})

t.test('connection - a token function that fails for a while', async t => {
  const server = await startWireDouble(t)
  let calls = 0
  const { inbox, errors } = probeInbox(t, {
    gate: server.gateUrl,
    token: async () => { if (++calls < 4) throw new Error('site down'); return userToken('ann') }
  })
  await inbox.whenLive()
  t.strictSame(errors.map(({ code }) => code), Array(3).fill('GP_TOKEN_UNAVAILABLE'))
})

t.test('connection - the token is refreshed before it expires, again and again', async t => {
  const server = await startWireDouble(t)
  let calls = 0
  const { inbox, states } = probeInbox(t, { gate: server.gateUrl, token: () => { calls += 1; return userToken('ann', { ttlSeconds: 6 }) } })
  await inbox.whenLive()
  await until('one refresh', () => server.seen.refreshes.length >= 1, 8_000)
  t.equal(calls, 2)
  t.not(server.seen.refreshes[0], server.seen.bearers[0])
  t.strictSame(states, ['live'])
  const text = probeInbox(t, { gate: server.gateUrl, token: userToken('bob') })
  await text.inbox.whenLive()
  const next = userToken('bob')
  await text.inbox.refresh(next)
  t.equal(server.seen.refreshes.at(-1), next)
  server.cut('bob')
  await until('back', () => server.seen.handshakes.filter(({ user }) => user === 'bob').length === 2)
  t.equal(server.seen.bearers.at(-1), next)
})

t.test('connection - a token that is suddenly another user\'s ends it', async t => {
  const server = await startWireDouble(t)
  const { inbox, errors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  await inbox.refresh(userToken('bob'))
  server.cut('ann')
  await until('closed', () => inbox.state === 'closed')
  t.equal(errors.at(-1)?.code, 'GP_USER_CHANGED')
  t.equal(server.seen.handshakes.length, 1)
})

t.test('connection - a storage that cannot be read holds the start up instead of losing what was missed', async t => {
  const server = await startWireDouble(t)
  server.post({ to: { user: 'ann' }, body: 'missed' })
  const storage = memoryStorage({ 'gatepost:ann:cursors': '{"u:ann":0,"all":0}' })
  let fails = 2
  const { inbox, entries, errors } = probeInbox(t, {
    gate: server.gateUrl,
    token: userToken('ann'),
    storage: { ...storage, getItem: key => { if (fails-- > 0) throw new Error('locked'); return storage.getItem(key) } }
  })
  await inbox.whenLive()
  await until('missed', () => bodies(entries).includes('missed'))
  t.strictSame(errors.map(({ code }) => code), ['GP_STORAGE_FAILED', 'GP_STORAGE_FAILED'])
})

t.test('connection - a node that takes and drops everybody is not hammered', async t => {
  const server = await startWireDouble(t, { nodes: 1 })
  const { inbox } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), timing: { ...shortTiming, retryBaseMs: 50 } })
  await inbox.whenLive()
  const endMs = Date.now() + 1_500
  await until('a while', () => { server.kick('ann'); return Date.now() > endMs })
  // 50, 100, 200, 400, 800 ms at the longest, a quarter of it at the shortest.
  t.ok(server.seen.handshakes.length <= 9, `${server.seen.handshakes.length} connections`)
  t.ok(server.seen.handshakes.length >= 3)
})
