/** Fills a store until the disk (here: a limit on the size of files, set by the caller) is full, and tells what it saw. */
import { writeSync } from 'node:fs'
import { openLmdbStore } from '../../shared/store/lmdb-store.js'

// Without a handler the limit ends the process; with one, writing fails as on a full disk.
process.on('SIGXFSZ', () => {})
const store = await openLmdbStore({ dir: process.argv[2] ?? '', sweepIntervalMs: 0 })
const print = (value: unknown): void => { writeSync(1, `${JSON.stringify(value)}\n`) }
const doc = (at: number): { key: string, v: number, purgeAt: null, text: string } => ({ key: `k${at}`, v: 0, purgeAt: null, text: 'x'.repeat(20_000) })

let stored = 0
for (let at = 0; at < 2000; at += 10) {
  const outcomes = await store.insertChains('state', Array.from({ length: 10 }, (_, n) => [doc(at + n)]))
  const good = outcomes.filter(outcome => outcome.stored === 1).length
  stored += good
  if (good === 10) continue
  const keys = Array.from({ length: at + 10 }, (_, n) => `k${n}`)
  const there = await store.exist('state', keys)
  print({ stored, there: there.filter(Boolean).length, stops: [...new Set(outcomes.map(outcome => outcome.stopped))], status: store.status() })
  print({ replaced: await store.replace('state', [{ was: 0, doc: { ...doc(0), v: 1, text: 'y'.repeat(1_000_000) } }]), now: (await store.get('state', ['k0']))[0]?.v })
  break
}
await store.close()
print('closed')
