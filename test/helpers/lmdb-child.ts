/**
 * A process of its own on an LMDB store. Its arguments: `hold DIR` opens and waits; `write DIR ROUND`
 * appends for ever and prints each seq once it is acknowledged; `share DIR SOCKET` lets others write through it. Prints `open` first, or
 * `locked PID` and ends.
 */
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { entryKey } from '../../shared/store/keys.js'
import { userStream } from '../../shared/contract/names.js'
import { DataDirLockedError } from '../../shared/store/lmdb-lock.js'
import { shareLmdb } from '../../shared/store/lmdb-share.js'
import { openLmdbStore } from '../../shared/store/lmdb-store.js'

const [mode = '', dir = '', round = ''] = process.argv.slice(2)
// Synchronous, so that nothing printed waits in a buffer when the process is killed.
const print = (line: string): void => { writeSync(1, `${line}\n`) }

try {
  const store = await openLmdbStore({ dir, sweepIntervalMs: 0 })
  if (mode === 'share') await once(createServer(socket => { shareLmdb(store, socket) }).listen(round), 'listening')
  print('open')
  if (mode === 'write') await Promise.all(['a', 'b', 'c'].map(async name => await append(store, `${round}${name}`)))
  setInterval(() => {}, 1000)
} catch (error) {
  if (!(error instanceof DataDirLockedError)) throw error
  print(`locked ${error.pid}`)
}

async function append (store: Awaited<ReturnType<typeof openLmdbStore>>, name: string): Promise<never> {
  const stream = userStream(name)
  for (let prev = 0; ; prev += 2) {
    const entry = (at: number): { seq: number, key: string } => ({ seq: at + 1, key: entryKey(stream, at) })
    const chain = [prev, prev + 1].map(at => ({
      ...entry(at), v: 0, purgeAt: 4e12, kind: 'log' as const, id: `${at}`, expiresAt: 4e12, text: 'x'.repeat((at * 37) % 9000)
    }))
    const [outcome] = await store.insertChains('entries', [chain])
    if (outcome?.stored !== 2) throw new Error(`outcome ${JSON.stringify(outcome)}`)
    print(`${name} ${prev + 2}`)
  }
}
