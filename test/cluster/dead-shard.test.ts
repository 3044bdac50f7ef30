/**
 * Three nodes that start at once on an empty sharded MongoDB; then one shard of two is away: users of the other one are served, those of
 * this one are refused, nothing ends, and it heals by itself.
 */
import t from 'tap'
import { ownerPrefix } from '../../shared/store/keys.js'
import { startCluster } from '../helpers/deployment.js'
import { startMongosDouble } from '../helpers/mongos-double.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assign, producerOf } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

t.setTimeout(400_000)
const skip = await findNatsServer() === undefined && natsMissing
const isOnFirst = (stream: string): boolean => ownerPrefix(stream) < '8000'
const usersWhere = (isFit: (stream: string) => boolean): string[] => Array.from({ length: 100 }, (_, i) => `user ${i}`).filter(user => isFit(`u:${user}`)).slice(0, 6)

t.test('shards - one of two is away', { skip }, async t => {
  const mongos = await startMongosDouble(t, { version: '8.0', stepMs: 50 })
  const begunMs = performance.now()
  const site = await startCluster(t, { gates: 1, mongodb: { url: mongos.url, port: Number(new URL(mongos.url).port), name: 'mongos double', version: '8.0', isFake: true, cannotShow: [] } })
  t.comment(`three nodes are up after ${Math.round(performance.now() - begunMs)} ms`)
  for (const name of ['entries', 'state', 'claims']) t.same(mongos.placesOf(name), [['', 'shard-a'], ['8000', 'shard-b']], `${name} is sharded`)

  // The shard that keeps what is for everybody stays: without it nobody could list anything.
  const away = isOnFirst('all') ? 'shard-b' : 'shard-a'
  const isAway = (stream: string): boolean => isOnFirst(stream) === (away === 'shard-a')
  const [served, cutOff] = [usersWhere(stream => !isAway(stream)), usersWhere(isAway)]
  const shop = producerOf(site)
  // The keys of a sender lie with the sender, which may be on either shard: without one only the receiver's counts.
  const post = async (user: string, title: string, headers: Record<string, string> = {}) => await shop.call('POST', '/gate/messages', { body: { to: { user }, title }, headers })
  const postOnce = async (user: string, title: string) => await post(user, title, { 'idempotency-key': `${user} ${title}` })
  for (const user of [...served, ...cutOff]) t.equal((await post(user, 'before')).status, 201)

  for (const how of ['refuses', 'silent'] as const) {
    mongos.faults.away.set(away, how)
    const refused = Promise.all(cutOff.map(async user => await postOnce(user, how)))
    for (const user of served) {
      t.equal((await post(user, how)).status, 201, `${user} is served while the other shard ${how}`)
      const session = await assign(site, user)
      t.equal((await session.call('GET', '/messages')).body?.messages?.[0]?.title, how)
    }
    for (const { status, body } of await refused) t.ok(status === 503 || (status === 504 && how === 'silent'), `refused: ${status} ${body?.code}`)
    await Promise.all(cutOff.map(async user => { t.equal((await (await assign(site, user)).call('GET', '/messages')).status, 503, 'and so is reading') }))
    t.ok(site.isAlive())
    mongos.faults.away.delete(away)
    await Promise.all(cutOff.map(async user => { await until(`${user} is served again`, async () => (await postOnce(user, how)).status < 300) }))
  }
  for (const user of cutOff) {
    const titles = (await (await assign(site, user)).list()).map(({ title }) => title as string)
    t.same(titles.sort(), ['before', 'refuses', 'silent'], 'each once')
  }
})
