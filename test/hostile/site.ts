/**
 * A live Gatepost with victims on it: mail, a group and open sockets of theirs. `watch` says afterwards whether any of it
 * was seen by who should not, or has changed, or whether anything at all was stored.
 */
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import type { Test } from 'tap'
import { openLmdbStore } from '../../shared/store/lmdb-store.js'
import { collectionNames } from '../../shared/store/store.js'
import { startEmbedded, type Deployment, type Settings } from '../helpers/deployment.js'
import { startMongodbServer } from '../helpers/mongodb-server.js'
import { assign, assignBoth, openSocket, producerOf, request, type RawSocket, type Session } from '../helpers/raw-client.js'
import { nowSeconds, resign, signHs256, tampered, unsigned } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'

/** How many bad ones each route and event gets. */
export const roundsWanted = Number(process.env['GATEPOST_TEST_HOSTILE'] ?? 300)
export const seed = Number(process.env['GATEPOST_TEST_SEED'] ?? 1)
/** Sent at once; the smallest one of a bunch that fails is found by itself. */
export const bunch = 50

export type StoreKind = 'lmdb' | 'mongodb'
/** Stands in all that is the victims', and in nothing that an attacker sends. */
export const marker = 'kept-secret-7f3a'
const victims = ['victim-one', 'victim-two']
const group = `group-${marker}`
export const othersStreams = [...victims.map(name => `u:${name}`), 'u:nobody', 'g:nothing']

export interface HostileSite {
  readonly site: Deployment
  /** A user on the node that Gate gives, with a message of its own, and the same user on the other node. */
  readonly mallory: readonly [Session, Session]
  readonly ownId: string
  readonly othersIds: readonly string[]
  readonly othersCursors: readonly string[]
  /** Fails the test where a victim was reached or anything was stored; ends the site. */
  finish: () => Promise<void>
}

/** Undefined where there is no such store. */
export async function startHostileSite (t: Test, kind: StoreKind): Promise<HostileSite | undefined> {
  const settings: Settings = { GATEPOST_DEMO: 'true' }
  let countStored: (dir: string) => Promise<Record<string, number>> = countLmdb
  if (kind === 'mongodb') {
    const server = await startMongodbServer(t)
    if (server === undefined) return undefined
    settings['GATEPOST_MONGODB_URL'] = server.url
    countStored = async () => await countMongodb(server.url)
  }
  const site = await startEmbedded(t, { settings: { GATEPOST_RATE_USER: '0', ...settings } })
  const producer = producerOf(site)
  const ids: string[] = []
  for (const victim of victims) {
    const session = await assign(site, victim)
    await producer.join(group, victim)
    for (let i = 0; i < 3; i++) ids.push((await producer.send({ to: { user: victim }, title: `${marker} ${i}`, body: marker, data: { [marker]: i }, category: marker })).id)
    ids.push((await session.send({ to: { users: victims }, title: `${marker} sent` })).id)
    await session.patch(ids.at(-2) ?? '', { read: true })
  }
  ids.push((await producer.send({ to: { group }, title: `${marker} to the group` })).id)
  await producer.send({ to: { user: 'mallory' }, title: 'own' })
  await producer.send({ to: { all: true }, title: 'for all' })
  await site.stop()
  const stored = await countStored(site.dir)
  await site.start()

  const mallory = await assignBoth(site, 'mallory')
  const own = await mallory[0].get('/messages')
  const ownId = own.messages.find((message: { title: string }) => message.title === 'own').id as string
  const { devices, before } = await look(t, site)
  const seqs = [0, 1, 1_000_000_000_000, Number.MAX_SAFE_INTEGER]

  return {
    site,
    mallory,
    ownId,
    othersIds: ids,
    othersCursors: [...othersStreams, `g:${group}`].flatMap(stream => seqs.map(seq => Buffer.from(JSON.stringify([seq, stream])).toString('base64url'))),
    finish: async () => {
      t.ok(site.isAlive(), 'the process is alive')
      for (const base of [site.gate, mallory[0].node.url]) t.equal((await request(base, 'GET', '/readyz')).status, 200, 'and ready')
      await Promise.all(devices.map(async (device, i) => {
        await producerOf(site).send({ to: { user: device.session.user }, title: `fence ${i}`, volatile: true })
        await device.message(`fence ${i}`)
        t.same(device.titles().filter(title => !title.startsWith('fence ')), [], 'nothing but the fence came to a victim')
        t.equal(device.closed(), undefined)
      }))
      for (const device of devices) device.close()
      const after = await look(t, site)
      for (const device of after.devices) device.close()
      t.strictSame(after.before, before, 'everybody\'s mail, counts, heads and groups are as they were')
      t.same(site.log().split('\n').filter(line => /"level":(?:50|60|"error"|"fatal")|Warning: |UnhandledPromise/.test(line)), [], 'no line of level error in the log')
      await site.stop()
      t.strictSame(await countStored(site.dir), stored, 'as many documents are stored as before')
    }
  }
}

async function look (t: Test, site: Deployment): Promise<{ devices: RawSocket[], before: object }> {
  const devices: RawSocket[] = []
  const seen: Record<string, unknown> = {}
  for (const user of [...victims, 'mallory', 'nobody']) {
    const session = await assign(site, user)
    const boxes = await Promise.all(['inbox', 'sent', 'archived'].map(async box => await session.list(`box=${box}`)))
    const device = await openSocket(t, session)
    seen[user] = { boxes, unread: await session.get('/messages/unread'), heads: device.ready.heads }
    if (victims.includes(user)) devices.push(device)
    else device.close()
  }
  seen['members'] = (await producerOf(site).call('GET', `/gate/groups/${group}/members`)).body
  // A presence counts sockets that are gone for a moment.
  await until('only the sockets of this test', async () => (await producerOf(site).call('GET', '/gate/users/mallory/presence')).body.sockets === 0)
  return { devices, before: seen }
}

async function countLmdb (dir: string): Promise<Record<string, number>> {
  const store = await openLmdbStore({ dir: join(dir, 'data'), sweepIntervalMs: 0 })
  try {
    const counts = collectionNames.map(async name => [name, (await store.ranges(name, [{ from: '', to: '\u{10ffff}' }], { limit: 1_000_000 })).length] as const)
    return Object.fromEntries(await Promise.all(counts))
  } finally { await store.close() }
}

async function countMongodb (url: string): Promise<Record<string, number>> {
  const client = new MongoClient(url)
  try {
    const counts = collectionNames.map(async name => [name, await client.db().collection(name).countDocuments()] as const)
    return Object.fromEntries(await Promise.all(counts))
  } finally { await client.close() }
}

/** Tokens that look like this one and are none. */
export function forgedTokens (token: string, secret: string): string[] {
  const claims = { sub: 'mallory', scope: 'user producer admin', exp: nowSeconds() + 3600 }
  return [
    tampered(token), unsigned(claims), signHs256(claims, 'x'.repeat(40)), signHs256(claims, secret, { alg: 'none' }), signHs256(claims, secret, { alg: 'RS256' }),
    resign(token, { exp: nowSeconds() - 10 }, secret), resign(token, { sub: '' }, secret), resign(token, { sub: 'a\nb' }, secret), resign(token, { sub: ['mallory'] }, secret),
    resign(token, { exp: 'never' }, secret), resign(token, { exp: 1e300 }, secret), resign(token, { nbf: nowSeconds() + 1000 }, secret), token.split('.').slice(0, 2).join('.'), `${token}.x`, '..', 'null'
  ]
}
