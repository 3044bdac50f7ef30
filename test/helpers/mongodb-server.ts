/**
 * A MongoDB for tests, the best that this machine has: GATEPOST_TEST_MONGODB_URL; `mongod` (MONGOMS_SYSTEM_BINARY, or
 * on PATH) as a replica set of one; what mongodb-memory-server has fetched, or fetches where CI or
 * GATEPOST_TEST_MONGODB_DOWNLOAD is set; the stand-in of scripts/install-mongo-java-server.sh.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MongoClient } from 'mongodb'
import type { Test } from 'tap'
import { noteServer } from './servers-seen.js'
import { until } from './until.js'
import { freePort } from './free-port.js'

/** Whose end is the server's. */
export type Ending = Pick<Test, 'teardown'>

/** What tests may need that not every server can do. */
export type MongodbAbility = 'mongos' | 'ttl' | 'explain' | 'journal' | 'key order beyond U+FFFF'

export interface MongodbServer {
  /** With a database of this test file's own. */
  readonly url: string
  readonly port: number
  readonly name: string
  readonly version: string
  readonly isFake: boolean
  readonly cannotShow: readonly MongodbAbility[]
  /**
   * Ends it, as suddenly as it can be without forgetting what it has answered (`mongod`: SIGKILL; the stand-in, which does not
   * wait for the disk: SIGTERM), and starts it again on its port. Only with `isKept`, and never for a given one.
   */
  readonly outage?: { readonly begin: () => Promise<void>, readonly end: () => Promise<void> } | undefined
}

export const mongodbMissing = 'needs a mongod, GATEPOST_TEST_MONGODB_URL, or Java: run scripts/install-mongo-java-server.sh'

const run = promisify(execFile)
const standIn = fileURLToPath(new URL('../../.servers/mongo-java-server', import.meta.url))
const classPath = [standIn, join(standIn, 'lib', '*')].join(process.platform === 'win32' ? ';' : ':')

type Found = { kind: 'url', url: string } | { kind: 'mongod', path: string } | { kind: 'stand-in' }

/** Undefined where there is none: skip with `mongodbMissing`. */
export async function findMongodb (): Promise<Found | undefined> {
  const url = process.env.GATEPOST_TEST_MONGODB_URL
  if (url !== undefined && url !== '') return { kind: 'url', url }
  for (const path of [process.env.MONGOMS_SYSTEM_BINARY, 'mongod', await fetchedBinary()]) {
    if (path !== undefined && path !== '' && await works(path, '--version')) return { kind: 'mongod', path }
  }
  if (existsSync(join(standIn, 'Server.class')) && await works('java', '-version')) return { kind: 'stand-in' }
  return undefined
}

async function works (program: string, flag: string): Promise<boolean> {
  try {
    await run(program, [flag])
    return true
  } catch { return false }
}

async function fetchedBinary (): Promise<string | undefined> {
  const { MongoBinary } = await import('mongodb-memory-server-core')
  const mayFetch = (process.env.CI ?? process.env.GATEPOST_TEST_MONGODB_DOWNLOAD ?? '') !== ''
  const before = process.env.MONGOMS_RUNTIME_DOWNLOAD
  try {
    process.env.MONGOMS_RUNTIME_DOWNLOAD = String(mayFetch)
    return await MongoBinary.getPath()
  } catch { return undefined } finally {
    if (before === undefined) delete process.env.MONGOMS_RUNTIME_DOWNLOAD
    else process.env.MONGOMS_RUNTIME_DOWNLOAD = before
  }
}

/** Ends with the test. Undefined where there is none. `isKept`: it can be ended and started again with what it has. */
export async function startMongodbServer (t: Ending, { isKept = false }: { isKept?: boolean } = {}): Promise<MongodbServer | undefined> {
  const found = await findMongodb()
  if (found === undefined) return undefined
  const database = `gatepost_test_${randomBytes(6).toString('hex')}`
  if (found.kind === 'url') return await describe(t, withDatabase(found.url, database), database, { name: 'given', isFake: false })
  const { port, name, outage } = found.kind === 'mongod' ? await startMongod(t, found.path) : await startStandIn(t, isKept)
  return { ...await describe(t, `mongodb://127.0.0.1:${port}/${database}`, database, { name, isFake: found.kind === 'stand-in' }), outage: isKept ? outage : undefined }
}

function withDatabase (url: string, database: string): string {
  const parts = /^([^/]+\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(url)
  return `${parts?.[1] ?? url}/${database}${parts?.[2] ?? ''}`
}

async function describe (t: Ending, url: string, database: string, { name, isFake }: { name: string, isFake: boolean }): Promise<MongodbServer> {
  const client = new MongoClient(url)
  const admin = client.db('admin')
  const { version } = await admin.command({ buildInfo: 1 }) as { version: string }
  const { msg } = isFake ? {} as { msg?: string } : await admin.command({ hello: 1 })
  await client.close()
  if (!isFake) {
    t.teardown(async () => {
      const last = new MongoClient(url, { serverSelectionTimeoutMS: 2000 })
      try { await last.db(database).dropDatabase() } catch { /* it has ended before us */ } finally { await last.close() }
    })
  }
  const cannotShow: MongodbAbility[] = [...(msg === 'isdbgrid' ? [] : ['mongos' as const]), ...(isFake ? ['ttl', 'explain', 'journal', 'key order beyond U+FFFF'] as const : [])]
  noteServer({ name, version, cannotShow })
  return { url, port: Number(/:(\d+)/.exec(url.slice(10))?.[1] ?? 27017), name, version, isFake, cannotShow }
}

type Started = Required<Pick<MongodbServer, 'port' | 'name' | 'outage'>>

async function startMongod (t: Ending, path: string): Promise<Started> {
  const dir = await tempDir(t)
  const port = await freePort()
  const start = (): ChildProcess => spawn(path, ['--port', String(port), '--bind_ip', '127.0.0.1', '--dbpath', dir, '--replSet', 'test', '--quiet'], { stdio: 'ignore' })
  let child = start()
  t.teardown(async () => { await end(child, 'SIGKILL') })
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, { serverSelectionTimeoutMS: 20_000 })
  const isPrimary = async (): Promise<boolean> => await client.db('admin').command({ hello: 1 }).then(greeting => greeting.isWritablePrimary as boolean, () => false)
  t.teardown(async () => { await client.close() })
  await client.db('admin').command({ replSetInitiate: { _id: 'test', members: [{ _id: 0, host: `127.0.0.1:${port}` }] } })
  await until('the replica set has a primary', isPrimary)
  return {
    port,
    name: basename(path),
    outage: {
      begin: async () => { await end(child, 'SIGKILL') },
      end: async () => {
        child = start()
        await until('the replica set has a primary again', isPrimary)
      }
    }
  }
}

async function startStandIn (t: Ending, isKept: boolean): Promise<Started> {
  const file = isKept ? [join(await tempDir(t), 'db')] : []
  let child: ChildProcess | undefined
  t.teardown(async () => { await end(child, 'SIGKILL') })
  const start = async (wanted: number): Promise<number> => {
    const running = spawn('java', ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'Server', String(wanted), ...file], { stdio: ['ignore', 'pipe', 'ignore'] })
    child = running
    let out = ''
    running.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
    return await until('the stand-in for MongoDB tells its port', () => {
      if (running.exitCode !== null) throw new Error('the stand-in for MongoDB ended')
      return Number(/port (\d+)\n/.exec(out)?.[1] ?? 0)
    }, 30_000)
  }
  const port = await start(0)
  return {
    port,
    name: 'mongo-java-server',
    outage: { begin: async () => { await end(child, 'SIGTERM') }, end: async () => { await start(port) } }
  }
}

async function end (child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

async function tempDir (t: Ending): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-mongodb-'))
  t.teardown(async () => { await rm(dir, { recursive: true, force: true }) })
  return dir
}
