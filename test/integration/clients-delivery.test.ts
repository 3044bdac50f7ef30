import t from 'tap'
import { bodies, faultsOfOrder, memoryStorage, probeInbox, shortTiming } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'
import { startWireDouble, userToken } from '../helpers/wire-double.js'
import type { Cursors } from '../../clients/index.js'

t.test('delivery - without cursors only what is new, from then on all of it', async t => {
  const server = await startWireDouble(t)
  server.post({ to: { user: 'ann' }, body: 'before' })
  const { inbox, entries, states, cursors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  t.equal(inbox.user, 'ann')
  server.post({ to: { user: 'ann' }, body: 'one' })
  server.post({ to: { user: 'bob' }, body: 'not hers' })
  server.post({ to: { all: true }, body: 'two' })
  await until('two', () => entries.length === 2)
  t.strictSame(bodies(entries), ['one', 'two'])
  t.strictSame(cursors(), { 'u:ann': server.head('u:ann'), all: server.head('all') })
  t.strictSame(states, ['live'])
})

t.test('delivery - what came while it was cut off is there after it is back', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries, states } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  // Nothing was delivered yet: the heads of "ready" alone say where it stands.
  server.cut('ann')
  await until('cut', () => server.socketsOf('ann').length === 0)
  for (let i = 0; i < 500; i += 1) server.post({ to: { user: 'ann' }, body: String(i) })
  await until('all', () => entries.length === 500)
  t.strictSame(bodies(entries), Array.from({ length: 500 }, (_, i) => String(i)))
  t.strictSame(states, ['live', 'connecting', 'live'])
})

t.test('delivery - doubled and dropped entries arrive once, in order', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  Object.assign(server.faults, { duplicate: 0.4, drop: 0.3 })
  for (let i = 0; i < 300; i += 1) server.post({ to: i % 3 === 0 ? { all: true } : { user: 'ann' }, body: String(i) })
  Object.assign(server.faults, { duplicate: 0, drop: 0 })
  // What shows the last hole of each stream.
  server.post({ to: { all: true }, body: 'end' })
  server.post({ to: { user: 'ann' }, body: 'end' })
  await until('all', () => entries.length >= 302)
  t.equal(new Set(bodies(entries)).size, 301)
  t.equal(entries.length, 302)
  t.strictSame(faultsOfOrder(entries), [])
  t.ok(server.seen.syncs > 0)
})

t.test('delivery - what has expired arrives as gone, a new beginning is taken as one', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.cut('ann')
  await until('cut', () => server.socketsOf('ann').length === 0)
  server.post({ to: { user: 'ann' }, body: 'expires' })
  server.expire('u:ann', server.head('u:ann'))
  server.post({ to: { user: 'ann' }, body: 'stays' })
  await until('both', () => entries.length === 2)
  t.strictSame(entries.map(({ type }) => type), ['gone', 'message'])
  server.beginAgain('u:ann')
  server.post({ to: { user: 'ann' }, body: 'again' })
  await until('third', () => entries.length === 3)
  t.equal(entries[2]?.prev, 0)
  t.equal(server.seen.syncs, 0)
})

t.test('delivery - behind: asks until there is no more, and is live again', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.behind('ann')
  for (let i = 0; i < 900; i += 1) server.post({ to: { user: 'ann' }, body: String(i) })
  await until('all', () => entries.length === 900)
  server.post({ to: { user: 'ann' }, body: 'live' })
  await until('live', () => entries.length === 901)
  t.strictSame(faultsOfOrder(entries), [])
  t.ok(server.seen.syncs >= 4)
})

t.test('delivery - a sync that is refused is tried again', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries, errors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.faults.refuseSyncs.push('GP_STORE_UNAVAILABLE', 'GP_OVERLOADED')
  server.behind('ann')
  server.post({ to: { user: 'ann' }, body: 'x' })
  await until('x', () => entries.length === 1)
  t.strictSame(errors.map(({ code }) => code), ['GP_STORE_UNAVAILABLE', 'GP_OVERLOADED'])
})

t.test('delivery - groups: from joining on, over leaving and coming back', async t => {
  const server = await startWireDouble(t)
  const { inbox, entries, cursors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  const toGroup = (body: string): void => { server.post({ to: { group: 'x' }, body }) }
  toGroup('not yet')
  server.join('x', 'ann')
  toGroup('one')
  await until('one', () => bodies(entries).includes('one'))
  t.ok(cursors()['g:x'])
  server.leave('x', 'ann')
  toGroup('not hers')
  server.cut('ann')
  await until('back', () => server.seen.handshakes.length === 2)
  await inbox.whenLive()
  server.cut('ann')
  await until('cut', () => server.socketsOf('ann').length === 0)
  server.join('x', 'ann')
  toGroup('two')
  await until('two', () => bodies(entries).includes('two'))
  toGroup('three')
  await until('three', () => bodies(entries).includes('three'))
  t.strictSame(bodies(entries), ['one', 'two', 'three'])
  t.equal(entries.filter(({ type }) => type === 'change').length, 3)
})

t.test('delivery - a group whose entries overtake the word of joining', async t => {
  const server = await startWireDouble(t)
  server.post({ to: { group: 'x' }, body: 'before' })
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann') })
  await inbox.whenLive()
  server.faults.drop = 1
  server.join('x', 'ann')
  server.faults.drop = 0
  server.post({ to: { group: 'x' }, body: 'one' })
  server.post({ to: { group: 'x' }, body: 'two' })
  server.post({ to: { user: 'ann' }, body: 'own' })
  await until('all', () => bodies(entries).length === 3)
  t.strictSame(bodies(entries).sort(), ['one', 'own', 'two'])
  t.strictSame(faultsOfOrder(entries), [])
})

t.test('delivery - a slow callback fills a bounded queue, the rest is asked for when it has room', async t => {
  const server = await startWireDouble(t)
  let release = (): void => {}
  const gate = new Promise<void>(resolve => { release = resolve })
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), timing: { ...shortTiming, requestTimeoutMs: 20_000 }, onEntry: async () => { await gate } })
  await inbox.whenLive()
  for (let i = 0; i < 3_000; i += 1) server.post({ to: { user: 'ann' }, body: String(i) })
  // An answer over the same socket comes after all that was sent before it.
  await inbox.subscribe('barrier')
  release()
  await until('all', () => entries.length === 3_000, 20_000)
  t.strictSame(faultsOfOrder(entries), [])
  t.ok(server.seen.syncs > 0)
})

t.test('delivery - a failing callback holds everything up until it succeeds, and says so', async t => {
  const server = await startWireDouble(t)
  let fails = 2
  const { inbox, entries, errors } = probeInbox(t, {
    gate: server.gateUrl,
    token: userToken('ann'),
    onEntry: entry => { if (entry.type === 'message' && entry.body === 'two' && fails-- > 0) throw new Error('disk full') }
  })
  await inbox.whenLive()
  for (const body of ['one', 'two', 'three']) server.post({ to: { user: 'ann' }, body })
  await until('all', () => entries.length === 3)
  t.strictSame(bodies(entries), ['one', 'two', 'three'])
  t.strictSame(errors.map(({ code, cause }) => [code, (cause as Error).message]), [['GP_CALLBACK_FAILED', 'disk full'], ['GP_CALLBACK_FAILED', 'disk full']])
})

t.test('delivery - restarts with its storage go on where the last one stopped', async t => {
  const server = await startWireDouble(t)
  const storage = memoryStorage()
  const seen: string[] = []
  for (let run = 0; run < 4; run += 1) {
    const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), storage })
    await inbox.whenLive()
    server.post({ to: { user: 'ann' }, body: `live ${run}` })
    await until('live', () => bodies(entries).includes(`live ${run}`))
    await inbox.close()
    seen.push(...bodies(entries))
    server.post({ to: { user: 'ann' }, body: `away ${run}` })
  }
  t.strictSame(seen, ['live 0', 'away 0', 'live 1', 'away 1', 'live 2', 'away 2', 'live 3'])
  const other = probeInbox(t, { gate: server.gateUrl, token: userToken('bob'), storage })
  await other.inbox.whenLive()
  t.strictSame([...storage.kept.keys()].filter(key => key.endsWith('cursors')).sort(), ['gatepost:ann:cursors', 'gatepost:bob:cursors'])
})

t.test('delivery - an application that keeps the cursors with its work sees nothing twice over crashes', async t => {
  const server = await startWireDouble(t)
  let kept: { cursors: Cursors, done: string[] } = { cursors: {}, done: [] }
  for (let run = 0; run < 6; run += 1) {
    const { inbox } = probeInbox(t, {
      gate: server.gateUrl,
      token: userToken('ann'),
      cursors: kept.cursors,
      onEntry (entry, cursors) {
        // One assignment: both or neither, as a transaction would.
        if (entry.type === 'message') kept = { cursors, done: [...kept.done, entry.body ?? ''] }
      }
    })
    await inbox.whenLive()
    if (run === 0) kept = { ...kept, cursors: { 'u:ann': server.head('u:ann'), all: 0 } }
    for (let i = 0; i < 20; i += 1) server.post({ to: { user: 'ann' }, body: `${run}.${i}` })
    await until('some', () => kept.done.length > run * 20 + 3)
    // Not closed in peace: whatever was under way is lost with the process.
    await inbox.close()
  }
  const { inbox, entries } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), cursors: kept.cursors })
  await inbox.whenLive()
  await until('rest', () => kept.done.length + entries.length === 120)
  t.strictSame([...kept.done, ...bodies(entries)], Array.from({ length: 120 }, (_, i) => `${Math.floor(i / 20)}.${i % 20}`))
})

t.test('delivery - volatile messages of topics, once, also while it moves', async t => {
  const server = await startWireDouble(t)
  const { inbox, volatile, errors } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), topics: ['ehr:api'] })
  await inbox.whenLive()
  const post = (topic: string, match: 'exact' | 'prefix', body: string): void => { server.post({ to: { topic, match }, body, volatile: true }) }
  post('ehr:', 'prefix', 'one')
  post('ehr:', 'exact', 'nobody')
  await until('one', () => volatile.length === 1)
  t.strictSame(await inbox.subscribe('news', 'ehr:api'), ['ehr:api', 'news'])
  post('news', 'exact', 'two')
  await until('two', () => volatile.length === 2)
  t.strictSame(await inbox.unsubscribe('ehr:api'), ['news'])
  await t.rejects(inbox.subscribe('refused'), { code: 'GP_VALIDATION' })
  t.strictSame(inbox.topics, ['news'])
  server.cut('ann')
  await until('cut', () => server.socketsOf('ann').length === 0)
  t.strictSame(await inbox.subscribe('late'), ['news', 'late'], 'while offline')
  await inbox.whenLive()
  await until('back', () => server.seen.handshakes.length === 2)
  t.strictSame(server.seen.handshakes[1]?.topics, ['news', 'late'])
  post('late', 'exact', 'three')
  await until('three', () => volatile.length === 3)
  t.strictSame(volatile.map(({ body }) => body), ['one', 'two', 'three'])
  t.notOk(errors.some(({ code }) => code === 'GP_CALLBACK_FAILED'))
})

t.test('delivery - unread comes with ready and with each change', async t => {
  const server = await startWireDouble(t)
  server.post({ to: { user: 'ann' }, body: 'x', category: 'news' })
  const { inbox, unread } = probeInbox(t, { gate: server.gateUrl, token: userToken('ann'), timing: shortTiming })
  await inbox.whenLive()
  t.strictSame(inbox.unread, { unread: 1, byCategory: { news: 1 } })
  server.post({ to: { all: true }, body: 'y' })
  await until('two', () => inbox.unread.unread === 2)
  t.strictSame(unread.at(-1), { unread: 2, byCategory: { news: 1, general: 1 } })
})
