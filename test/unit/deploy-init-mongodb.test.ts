/** deploy/init-mongodb.js against the answers of servers that are starting, have started, or belong elsewhere. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { deployFolder } from '../helpers/compose-file.js'

type Run = (url: string, command: Record<string, unknown>) => Promise<Record<string, unknown>>
interface Sets { name: string, hosts: string[] }
type User = Readonly<Record<string, unknown>>
const { readSet, initiateSet, addShards, listShards, usersOf, createUsers, memberLogin } = await import(`${deployFolder}init-mongodb.js`) as {
  readSet: (text: string | undefined) => Sets
  initiateSet: (run: Run, set: Sets, options?: { isConfig?: boolean }) => Promise<boolean>
  addShards: (run: Run, url: string, sets: Sets[]) => Promise<string[]>
  listShards: (run: Run, url: string) => Promise<string[]>
  usersOf: (env: Readonly<Record<string, string>>) => User[]
  createUsers: (run: Run, url: string, users: User[]) => Promise<string[]>
  memberLogin: (keyFileText: string) => Record<string, unknown>
}

/** As much of a cluster as the script asks for; no server that can be a replica set or a mongos is at hand everywhere. */
function cluster (): { run: Run, sent: Array<Record<string, unknown>>, down: Set<string>, setOf: Map<string, string>, shards: string[] } {
  const sent: Array<Record<string, unknown>> = []
  const down = new Set<string>()
  const setOf = new Map<string, string>()
  const shards: string[] = []
  const run: Run = async (url, command) => {
    const host = /\/\/([^/]+)/.exec(url)?.[1] ?? ''
    if (down.has(host)) throw new Error(`connect ECONNREFUSED ${host}`)
    if (command.hello === 1) {
      const setName = setOf.get(host)
      return setName === undefined ? { ok: 1 } : { ok: 1, setName, isWritablePrimary: host.startsWith('a:') }
    }
    sent.push(command)
    const config = command.replSetInitiate as { _id: string, members: Array<{ host: string }> } | undefined
    if (config !== undefined) {
      if (setOf.has(host)) throw Object.assign(new Error('already initialized'), { code: 23 })
      for (const member of config.members) setOf.set(member.host, config._id)
    }
    if (typeof command.addShard === 'string') shards.push(command.name as string)
    if (command.listShards === 1) return { shards: shards.map(_id => ({ _id })) }
    return { ok: 1 }
  }
  return { run, sent, down, setOf, shards }
}

const set = readSet('shard1/a:27018,b:27018')

t.test('init-mongodb - reads a set, refuses what is none', async t => {
  t.strictSame(set, { name: 'shard1', hosts: ['a:27018', 'b:27018'] })
  for (const wrong of [undefined, '', 'shard1', 'a:1,b:1', '/a:1', 'shard1/']) t.throws(() => readSet(wrong), /takes NAME\/HOST:PORT/)
})

t.test('init-mongodb - initiates a new set once, and is done when it has a primary', async t => {
  const { run, sent } = cluster()
  t.equal(await initiateSet(run, set, { isConfig: true }), false)
  t.strictSame(sent, [{ replSetInitiate: { _id: 'shard1', configsvr: true, members: [{ _id: 0, host: 'a:27018' }, { _id: 1, host: 'b:27018' }] } }])
  t.equal(await initiateSet(run, set, { isConfig: true }), true)
  t.equal(sent.length, 1)
})

t.test('init-mongodb - waits for a member that does not answer: it may know a set already', async t => {
  const { run, sent, down, setOf } = cluster()
  setOf.set('b:27018', 'shard1')
  down.add('b:27018')
  await t.rejects(initiateSet(run, set), /ECONNREFUSED/)
  down.clear()
  t.equal(await initiateSet(run, set), false)
  t.strictSame(sent, [], 'no second set beside the first')
})

t.test('init-mongodb - two at once do no harm', async t => {
  const { run, sent } = cluster()
  t.strictSame(await Promise.all([initiateSet(run, set), initiateSet(run, set)]), [false, false])
  t.equal(sent.length, 2, 'the second was told that it is done')
})

t.test('init-mongodb - a member of another set is a fault that no waiting mends', async t => {
  const { run, setOf } = cluster()
  setOf.set('b:27018', 'other')
  t.match(await initiateSet(run, set).catch((error: unknown) => error), { isFinal: true, message: /other/ })
})

t.test('init-mongodb - adds the shards that are missing only', async t => {
  const { run, sent, shards } = cluster()
  shards.push('shard1')
  const sets = [set, readSet('shard2/c:1,d:1')]
  t.strictSame(await addShards(run, 'mongodb://mongos', sets), ['shard2'])
  t.match(sent.at(-1), { addShard: 'shard2/c:1,d:1', name: 'shard2' })
  t.strictSame(await addShards(run, 'mongodb://mongos', sets), [])
  t.strictSame(await listShards(run, 'mongodb://mongos'), ['shard1', 'shard2'])
})

t.test('init-mongodb - gives up at its deadline, naming what did not answer', async t => {
  const script = fileURLToPath(new URL(`file://${deployFolder}init-mongodb.js`))
  const env = { ...process.env, MONGODB_CONFIG_SET: 'config/127.0.0.1:1', MONGODB_SHARD_SETS: 's/127.0.0.1:1', MONGODB_DEADLINE: '0' }
  const failed = await promisify(execFile)(process.execPath, [script], { env }).catch((error: unknown) => error as { code: number, stderr: string })
  t.match(failed, { code: 1, stderr: /ECONNREFUSED/ })
})

t.test('init-mongodb - makes the logins once, with no more than nodes need, and leaves those that are there', async t => {
  const sent: Array<Record<string, unknown>> = []
  const run: Run = async (url, command) => {
    t.equal(url, 'mongodb://mongos', 'mongos keeps them for the whole cluster')
    if (sent.some(({ createUser }) => createUser === command.createUser)) throw Object.assign(new Error(`User "${String(command.createUser)}@admin" already exists`), { code: 51003 })
    sent.push(command)
    return { ok: 1 }
  }
  const users = usersOf({ MONGODB_ADMIN_PASSWORD: 'a1', MONGODB_PASSWORD: 'b1' })
  t.strictSame(await createUsers(run, 'mongodb://mongos', users), ['admin', 'gatepost'])
  t.strictSame(sent, [
    { createUser: 'admin', pwd: 'a1', roles: [{ role: 'root', db: 'admin' }] },
    { createUser: 'gatepost', pwd: 'b1', roles: [{ role: 'readWrite', db: 'gatepost' }, { role: 'clusterManager', db: 'admin' }, { role: 'clusterMonitor', db: 'admin' }] }
  ])
  t.strictSame(await createUsers(run, 'mongodb://mongos', users), [])
  // A second login beside the first is how its password is changed.
  t.strictSame(await createUsers(run, 'mongodb://mongos', usersOf({ MONGODB_ADMIN_PASSWORD: 'a1', MONGODB_PASSWORD: 'b2', MONGODB_USER: 'gatepost2' })), ['gatepost2'])
  await t.rejects(createUsers(async () => { throw Object.assign(new Error('not authorized'), { code: 13 }) }, 'mongodb://mongos', users), /not authorized/)
})

t.test('init-mongodb - a password that is missing is named', async t => {
  t.throws(() => usersOf({ MONGODB_PASSWORD: 'b1' }), /^MONGODB_ADMIN_PASSWORD: got nothing/)
  t.throws(() => usersOf({ MONGODB_ADMIN_PASSWORD: 'a1', MONGODB_PASSWORD: '' }), /^MONGODB_PASSWORD: got nothing/)
})

t.test('init-mongodb - logs in as the members do, whose key file may have lines', async t => {
  t.match(memberLogin('abc+/\ndef=\r\n'), { tls: true, auth: { username: '__system', password: 'abc+/def=' }, authSource: 'local' })
})
