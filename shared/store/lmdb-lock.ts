/**
 * One process at a time per data folder. The lock is a reader's slot in a small LMDB environment of its own
 * (`DIR/lock`), held until the process ends: LMDB keeps a kernel lock for each process with a slot, so the slot of
 * a killed process counts for nothing, whoever has its pid by then. Looking and taking happen inside a write
 * transaction, which excludes every other process that is just starting.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import { checkLmdbFile } from './lmdb-file.js'

/** The data folder is in use: the CLI ends with exit code 2. */
export class DataDirLockedError extends Error {
  constructor (readonly dir: string, readonly pid: number) {
    super(`the data folder ${dir} is in use by process ${pid}${pid === process.pid ? ' (this one)' : ''}; stop it, or choose another folder`)
    this.name = 'DataDirLockedError'
  }
}

export interface DataDirLock { release: () => Promise<void> }

/** Throws DataDirLockedError. */
export async function lockDataDir (dir: string): Promise<DataDirLock> {
  const path = join(dir, 'lock')
  mkdirSync(path, { recursive: true })
  await checkLmdbFile(join(path, 'data.mdb'))
  const env = open({ path, noSubdir: false, overlappingSync: false, maxDbs: 1 })
  // Before this process has a slot of its own, every living slot is another holder's. An equal pid may be one
  // too: a second store in this process, or a process in another container that shares the folder.
  const take = (): { holder: number } | { slot: { done: () => void } } => {
    env.readerCheck()
    const holder = firstReader(env.readerList())
    return holder === undefined ? { slot: env.useReadTransaction() } : { holder }
  }
  const taken = env.transactionSync(take)
  if ('holder' in taken) {
    await env.close()
    throw new DataDirLockedError(dir, taken.holder)
  }
  let releasing: Promise<void> | undefined
  return {
    release: () => {
      releasing ??= (async () => { taken.slot.done(); await env.close() })()
      return releasing
    }
  }
}

/** LMDB lists readers as a heading and then one line each, the pid first. */
function firstReader (list: string): number | undefined {
  const line = list.split('\n').find(text => /^\s*\d+\s/.test(text))
  return line === undefined ? undefined : parseInt(line, 10)
}
