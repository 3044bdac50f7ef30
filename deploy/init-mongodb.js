/**
 * Makes a sharded cluster of MongoDB servers that have just been started: initiates each replica set, adds the shards and
 * makes the logins. May be run again at any time, also by two at once: what is done already is left as it is.
 *
 *     node deploy/init-mongodb.js          does it, waiting for servers that do not answer yet
 *     node deploy/init-mongodb.js --wait   changes nothing, ends once every shard is there
 *
 * MONGODB_CONFIG_SET   config/config1:27019,config2:27019,config3:27019
 * MONGODB_SHARD_SETS   shard1/shard1a:27018,shard1b:27018 shard2/... (space separated)
 * MONGODB_MONGOS_URL   mongodb://mongos1:27017,mongos2:27017/?tls=true; with --wait it has a login
 * MONGODB_KEY_FILE     the members' key file: it logs in with it, by TLS, as they do. Without it there is no login, and none is made
 * MONGODB_PASSWORD     of the login that nodes use; MONGODB_USER is its name (gatepost), MONGODB_DATABASE their database (gatepost)
 * MONGODB_ADMIN_PASSWORD   of the login `admin`
 * MONGODB_DEADLINE     seconds after which it gives up with exit code 1 (300)
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const notYetInitialized = 94
const alreadyInitialized = 23
const userExists = 51003
const retryPauseMs = 2_000

/** `NAME/HOST:PORT,HOST:PORT` */
export function readSet (text) {
  const [, name, hosts] = /^([\w-]+)\/([^\s/]+)$/.exec(text ?? '') ?? []
  if (name === undefined) throw new Error(`got ${JSON.stringify(text ?? '')}; takes NAME/HOST:PORT,HOST:PORT`)
  return { name, hosts: hosts.split(',') }
}

/** `run(url, command)` sends one command to the admin database. Resolves true once the set has a primary; throws while a member does not answer. */
export async function initiateSet (run, { name, hosts }, { isConfig = false } = {}) {
  const direct = host => `mongodb://${host}/?directConnection=true`
  const greetings = await Promise.all(hosts.map(async host => await run(direct(host), { hello: 1 })))
  // A member that knows a set has data: initiating another one beside it would make a second truth.
  if (greetings.every(greeting => greeting.setName === undefined)) {
    try {
      await run(direct(hosts[0]), {
        replSetInitiate: { _id: name, ...isConfig && { configsvr: true }, members: hosts.map((host, _id) => ({ _id, host })) }
      })
    } catch (error) {
      if (error.code !== alreadyInitialized) throw error
    }
    return false
  }
  const other = greetings.find(greeting => greeting.setName !== undefined && greeting.setName !== name)
  if (other !== undefined) throw Object.assign(new Error(`${name}: a member belongs to the set ${other.setName}`), { isFinal: true })
  return greetings.some(greeting => greeting.isWritablePrimary === true)
}

export async function listShards (run, mongosUrl) {
  const { shards } = await run(mongosUrl, { listShards: 1 })
  return shards.map(({ _id }) => _id)
}

/** Returns the names of those that were added now. */
export async function addShards (run, mongosUrl, sets) {
  const known = await listShards(run, mongosUrl)
  const added = sets.filter(({ name }) => !known.includes(name))
  for (const { name, hosts } of added) await run(mongosUrl, { addShard: `${name}/${hosts.join(',')}`, name })
  return added.map(({ name }) => name)
}

/**
 * The logins of a cluster, in `admin` on mongos, which keeps them on the config servers. Nodes write their database, spread it over the shards at
 * the first start (clusterManager) and read which keys lie where (clusterMonitor).
 */
export function usersOf ({ MONGODB_ADMIN_PASSWORD: adminPassword = '', MONGODB_PASSWORD: password = '', MONGODB_USER: user = 'gatepost', MONGODB_DATABASE: database = 'gatepost' }) {
  for (const [name, value] of Object.entries({ MONGODB_ADMIN_PASSWORD: adminPassword, MONGODB_PASSWORD: password })) {
    if (value === '') throw new Error(`${name}: got nothing; takes a password (openssl rand -hex 24)`)
  }
  const inAdmin = role => ({ role, db: 'admin' })
  return [
    { createUser: 'admin', pwd: adminPassword, roles: [inAdmin('root')] },
    { createUser: user, pwd: password, roles: [{ role: 'readWrite', db: database }, inAdmin('clusterManager'), inAdmin('clusterMonitor')] }
  ]
}

/** Returns the names of those that were made now. Who is there keeps the password and the roles. */
export async function createUsers (run, mongosUrl, users) {
  const made = []
  for (const user of users) {
    try {
      await run(mongosUrl, user)
      made.push(user.createUser)
    } catch (error) {
      if (error.code !== userExists) throw error
    }
  }
  return made
}

/** How the members log in at each other: as `__system`, with what their key file holds. White space in it does not count. */
export function memberLogin (keyFileText) {
  return { tls: true, auth: { username: '__system', password: keyFileText.replace(/\s/g, '') }, authSource: 'local', authMechanism: 'SCRAM-SHA-256' }
}

/** Tries a step until it gives something true; a fault that no retry can mend ends it at once. */
async function until (what, step, deadline) {
  for (let said = ''; ;) {
    let reason = 'not yet'
    try {
      if (await step()) return
    } catch (error) {
      reason = error.code === notYetInitialized ? 'not initiated yet' : error.message
      if (error.isFinal === true || Date.now() > deadline) throw error
    }
    if (Date.now() > deadline) throw new Error(`${what}: ${reason}`)
    if (reason !== said) console.log(`${what}: waiting (${reason})`)
    said = reason
    await pause(retryPauseMs)
  }
}

async function main () {
  const { MongoClient } = await import('mongodb')
  const { MONGODB_KEY_FILE: keyFile } = process.env
  const login = keyFile === undefined ? {} : memberLogin(await readFile(keyFile, 'utf8'))
  const run = async (url, command) => {
    const client = new MongoClient(url, { serverSelectionTimeoutMS: 5_000, connectTimeoutMS: 5_000, ...login })
    try {
      return await client.db('admin').command(command)
    } finally {
      await client.close()
    }
  }
  const { MONGODB_CONFIG_SET, MONGODB_SHARD_SETS = '', MONGODB_MONGOS_URL = 'mongodb://mongos1:27017', MONGODB_DEADLINE = '300' } = process.env
  const deadline = Date.now() + Number(MONGODB_DEADLINE) * 1_000
  const shards = MONGODB_SHARD_SETS.split(/\s+/).filter(text => text !== '').map(readSet)
  if (shards.length === 0) throw new Error('MONGODB_SHARD_SETS: got nothing; takes NAME/HOST:PORT,HOST:PORT, space separated')

  if (!process.argv.includes('--wait')) {
    const users = keyFile === undefined ? [] : usersOf(process.env)
    const config = readSet(MONGODB_CONFIG_SET)
    await until(`replica set ${config.name}`, async () => await initiateSet(run, config, { isConfig: true }), deadline)
    for (const shard of shards) await until(`replica set ${shard.name}`, async () => await initiateSet(run, shard), deadline)
    await until('adding shards', async () => {
      const added = await addShards(run, MONGODB_MONGOS_URL, shards)
      if (added.length > 0) console.log(`added ${added.join(', ')}`)
      return true
    }, deadline)
    await until('logins', async () => {
      const made = await createUsers(run, MONGODB_MONGOS_URL, users)
      if (made.length > 0) console.log(`made the logins ${made.join(', ')}`)
      return true
    }, deadline)
  }
  await until('shards', async () => {
    const known = await listShards(run, MONGODB_MONGOS_URL)
    return shards.every(({ name }) => known.includes(name))
  }, deadline)
  console.log(`shards: ${shards.map(({ name }) => name).join(', ')}`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await main()
  } catch (error) {
    console.error(`init-mongodb: ${error.message}`)
    process.exitCode = 1
  }
}
