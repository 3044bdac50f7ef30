/** LMDB stores in temporary folders, closed and removed with the test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openLmdbStore, type LmdbStore } from '../../shared/store/lmdb-store.js'

export function tempDir (t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gatepost-'))
  t.teardown(() => { rmSync(dir, { recursive: true, force: true }) })
  return dir
}

/** Opens a store that is closed with the test; `sweepIntervalMs` 0 unless told otherwise. */
export async function openTestLmdb (t: Test, options: Partial<Parameters<typeof openLmdbStore>[0]> = {}): Promise<LmdbStore & { dir: string }> {
  const dir = options.dir ?? tempDir(t)
  const store = await openLmdbStore({ sweepIntervalMs: 0, ...options, dir })
  t.teardown(async () => { await store.close() })
  return Object.assign(store, { dir })
}
