/** `gatepost migrate` as a user runs it, and both stores as they lie, read past the code that is tested. */
import { isDeepStrictEqual } from 'node:util'
import { MongoClient } from 'mongodb'
import type { Test } from 'tap'
import { runCommandLine } from '../../services/cli/command-line.js'
import { commands } from '../../services/cli/commands.js'
import { openLmdbStore } from '../../shared/store/lmdb-store.js'
import { collectionNames } from '../../shared/store/store.js'
import { runGatepost, type GatepostProcess } from './deployment.js'

interface StoredBson { _id: string, purgeAt?: Date | null, f?: number, w?: string }
const nothing: StoredBson = { _id: '' }

export interface MigrateRun { readonly code: number, readonly out: string, readonly err: string }

interface MigrateOptions { readonly cwd: string, readonly from: string, readonly to: string, readonly flags?: readonly string[] }
const words = ({ from, to, flags = [] }: MigrateOptions): string[] => ['migrate', '--from', from, '--to', to, ...flags]

export function startMigrate (t: Test, options: MigrateOptions): GatepostProcess {
  const started = runGatepost(words(options), options)
  t.teardown(async () => { if (started.isAlive()) await started.end('SIGKILL') })
  return started
}

/** In this process. */
export async function runMigrate (options: MigrateOptions): Promise<MigrateRun> {
  let out = ''
  let err = ''
  const code = await runCommandLine(commands, words(options), { surroundings: { env: {}, cwd: options.cwd }, stdout: text => { out += text }, stderr: text => { err += text } })
  return { code, out, err }
}

/** The driver's own client on the database of this address. */
export async function rawClient (t: Test, url: string): Promise<MongoClient> {
  const client = new MongoClient(url)
  t.teardown(async () => { await client.close() })
  return await client.connect()
}

/** Every document of the folder is in the database, and nothing else is: key, version, times and all. How many there are. */
export async function checkSame (t: Test, dir: string, url: string): Promise<number> {
  const store = await openLmdbStore({ dir, sweepIntervalMs: 0 })
  const client = await rawClient(t, url)
  let count = 0
  try {
    for (const name of collectionNames) {
      const there = new Map((await client.db().collection<StoredBson>(name).find().toArray()).map(doc => [doc._id, doc]))
      const here = await store.range(name, { from: '0', to: 'g' }, { limit: Infinity })
      const different = here.filter(({ key, purgeAt, ...fields }) => {
        const { _id, purgeAt: date, f, w, ...stored } = there.get(key) ?? nothing
        return !isDeepStrictEqual({ _id, date: date?.getTime() ?? null, ...stored }, { _id: key, date: purgeAt === null ? null : Math.ceil(purgeAt), ...fields })
      })
      t.same(different, [], `${name}: each document as it was`)
      t.equal(there.size, here.length, `${name}: nothing more`)
      count += here.length
    }
    return count
  } finally {
    await store.close()
    await client.close()
  }
}
