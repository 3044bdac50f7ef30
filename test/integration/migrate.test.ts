/** A site moves from its embedded store to a cluster on MongoDB: nobody who uses it sees a difference. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bin, runGatepost, startCluster, tempDir, tokensOf, type GatepostProcess } from '../helpers/deployment.js'
import { findFormerBuild, formerMissing } from '../helpers/former-build.js'
import { checkSame, runMigrate, startMigrate } from '../helpers/migration.js'
import { findMongodb, mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assign, checkChain, openSocket, producerOf, request, type Entry, type RawSocket, type Session } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const skip = await findMongodb() === undefined ? mongodbMissing : await findNatsServer() === undefined ? natsMissing : false

const users = ['ann', 'bob', 'cleo']
type Site = { readonly gate: string } & ReturnType<typeof tokensOf>

async function startUp (t: Test, cwd: string, program = bin): Promise<{ process: GatepostProcess, site: Site }> {
  const process = runGatepost(['up', '--port', '0', '--nodes', '2'], { cwd, program, settings: { GATEPOST_DRAIN: '0' } })
  t.teardown(async () => { if (process.isAlive()) await process.end('SIGKILL') })
  const gate = await process.ready
  return { process, site: { gate, ...tokensOf(secretIn(cwd)) } }
}
const secretIn = (cwd: string): string => readFileSync(join(cwd, 'data', 'secret'), 'utf8').trim()

const mail = (i: number): object => ({ to: { users: ['bob', 'cleo'] }, title: `mail ${i}`, body: 'é'.repeat(i), category: i % 2 === 0 ? 'even' : 'odd' })

/** A little of everything that is stored. */
async function use (t: Test, site: Site): Promise<void> {
  const shop = producerOf(site)
  const [ann, bob, cleo] = await Promise.all(users.map(async user => await assign(site, user))) as [Session, Session, Session]
  for (const user of users) await shop.join('team', user)
  const mails = []
  for (let i = 0; i < 20; i++) mails.push(await ann.send(mail(i), `key ${i}`))
  const team = await bob.send({ to: { group: 'team' }, title: 'to the team', data: { round: 1 } })
  await shop.leave('team', 'cleo')
  await bob.send({ to: { group: 'team' }, title: 'to the team without Cleo' })
  await shop.send({ to: { all: true }, title: 'to all', ttl: 100_000 })
  await shop.send({ to: { user: 'bob' }, title: 'gone in a second', ttl: 1 })
  await shop.send({ to: { user: 'bob' }, title: 'from the shop' }, 'shop')
  await bob.patch(mails[3].id, { read: true })
  await bob.patch(mails[4].id, { archived: true })
  await ann.patch(team.id, { read: true })
  t.equal((await ann.call('POST', `/messages/${mails[5].id}/recall`)).status, 200)
  t.equal((await ann.call('DELETE', `/messages/${mails[6].id}`)).status, 204)
  t.equal((await cleo.call('POST', '/messages/read', { body: { category: 'odd' } })).status, 200)
  await until('the short one has expired', async () => !(await bob.list()).some(({ title }) => title === 'gone in a second'))
}

/** A message as the version before shows it: without what that one does not know. */
const asBefore = ({ url, actions, acted, from: { name, picture, ...from }, ...known }: Entry): object => ({ ...known, from })

/** All that each user can see. */
const everything = async (site: Site): Promise<object[]> => await Promise.all(users.map(async user => {
  const session = await assign(site, user)
  const [inbox, sent, archived, members] = await Promise.all([...['inbox', 'sent', 'archived'].map(async box => (await session.list(`box=${box}`)).map(asBefore)), producerOf(site).call('GET', '/gate/groups/team/members').then(({ body }) => body as object)])
  return { inbox, sent, archived, members, unread: await session.get('/messages/unread') }
}))

/** What a client that had seen up to these cursors is sent, up to where its streams are now. */
async function missed (t: Test, site: Site, cursors: Record<string, number>): Promise<{ socket: RawSocket, entries: Entry[] }> {
  const socket = await openSocket(t, await assign(site, 'bob'), { cursors })
  await until('it has caught up', () => Object.entries(socket.ready.heads).every(([stream, head]) => (cursors[stream] ?? 0) >= head || socket.entries.some(entry => entry.stream === stream && entry.seq === head)))
  // Streams come in any order, each in its own.
  return { socket, entries: [...socket.entries].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0)) }
}

t.test('migrate - a site goes on as a cluster: inboxes, counts, cursors, idempotency keys, revocations', { skip }, async t => {
  const cwd = await tempDir(t)
  const { process, site } = await startUp(t, cwd)
  await use(t, site)
  const seenByBob = await openSocket(t, await assign(site, 'bob'))
  const cursors = { ...seenByBob.ready.heads }
  seenByBob.close()
  const ann = await assign(site, 'ann')
  await ann.send({ to: { users: ['bob'] }, title: 'while Bob was away' })
  await ann.send({ to: { group: 'team' }, title: 'to the team while Bob was away' })
  t.equal((await request(site.gate, 'PUT', '/gate/revocations/user/mallory', { token: site.adminToken(), body: { before: new Date(Date.now() + 3_600_000).toISOString() } })).status, 200)
  const before = await everything(site)
  const owed = await missed(t, site, cursors)
  owed.socket.close()
  t.same(owed.entries.map(({ title }) => title as unknown).filter(Boolean).sort(), ['to the team while Bob was away', 'while Bob was away'])
  t.equal(await process.end(), 0)

  const mongodb = await startMongodbServer(t)
  const to = mongodb?.url ?? ''
  const dry = await runMigrate({ cwd, from: 'data', to, flags: ['--dry-run'] })
  t.match(dry, { code: 0, out: /from +\S*data: \d+ entries, \d+ state, \d+ claims\nto +the database gatepost_test_[^\n]*\nit can be carried; nothing was changed\n$/ })
  const run = startMigrate(t, { cwd, from: 'data', to })
  t.equal(await run.exited, 0, run.stderr())
  t.match(run.stdout(), /carried (\d+) documents in \d+ s\ncompared \1 documents in \d+ s: \1 are the same; every entry, head and chain of \d+ streams\ndone: start the nodes/)
  const count = await checkSame(t, join(cwd, 'data'), to)
  t.match(run.stdout(), `carried ${count} documents`)
  t.match(await runMigrate({ cwd, from: 'data', to, flags: ['--verify-only'] }), { code: 0, out: /are the same/ })

  const cluster = await startCluster(t, { ...mongodb === undefined ? {} : { mongodb }, nodes: 2, secret: secretIn(cwd) })
  t.strictSame(await everything(cluster), before, 'everybody sees what they saw')
  const { socket, entries } = await missed(t, cluster, cursors)
  t.strictSame(entries, owed.entries, 'who was away is sent what is owed: the same seqs, no gap, nothing twice')
  const again = await (await assign(cluster, 'ann')).call('POST', '/messages', { body: mail(7), headers: { 'idempotency-key': 'key 7' } })
  t.match(again, { status: 200, body: { duplicate: true } })
  t.match(await request(cluster.gate, 'GET', '/gate/assign', { token: cluster.userToken('mallory') }), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } })
  t.strictSame(await everything(cluster), before, 'and nothing came of it')

  await (await assign(cluster, 'cleo')).send({ to: { users: ['bob'] }, title: 'the first one here' })
  await socket.message('the first one here')
  for (const [stream, cursor] of Object.entries(cursors)) checkChain(t, socket.entries, stream, cursor)
  t.equal(new Set(socket.entries.map(({ stream, seq }) => `${stream} ${seq}`)).size, socket.entries.length, 'nothing came twice')
})

const former = await findFormerBuild()
t.test('migrate - a folder that the version before wrote', { skip: former === undefined ? formerMissing : skip }, async t => {
  const cwd = await tempDir(t)
  const { process, site } = await startUp(t, cwd, former)
  await use(t, site)
  const before = await everything(site)
  t.equal(await process.end(), 0)
  const mongodb = await startMongodbServer(t)
  const to = mongodb?.url ?? ''
  const run = await runMigrate({ cwd, from: 'data', to })
  t.equal(run.code, 0, run.err + run.out)
  await checkSame(t, join(cwd, 'data'), to)
  const up = runGatepost(['up', '--port', '0', '--nodes', '2'], { cwd, settings: { GATEPOST_DRAIN: '0', GATEPOST_MONGODB_URL: to } })
  t.teardown(async () => { if (up.isAlive()) await up.end('SIGKILL') })
  const moved = { gate: await up.ready, ...tokensOf(secretIn(cwd)) }
  t.strictSame(await everything(moved), before)
  t.equal(await up.end(), 0)
})
