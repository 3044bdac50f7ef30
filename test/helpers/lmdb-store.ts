/** LMDB stores in temporary folders, closed and removed with the test. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openLmdbStore, type LmdbStore } from '../../shared/store/lmdb-store.js'
import { typescriptArgs } from './typescript-process.js'

export function tempDir (t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gatepost-'))
  t.teardown(() => { rmSync(dir, { recursive: true, force: true }) })
  return dir
}

/** Opens a store that is closed with the test; `sweepIntervalMs` 0 unless set. */
export async function openTestLmdb (t: Test, options: Partial<Parameters<typeof openLmdbStore>[0]> = {}): Promise<LmdbStore & { dir: string }> {
  const dir = options.dir ?? tempDir(t)
  const store = await openLmdbStore({ sweepIntervalMs: 0, ...options, dir })
  t.teardown(async () => { await store.close() })
  return Object.assign(store, { dir })
}

export interface LmdbChild {
  readonly pid: number
  /** Complete lines printed so far. */
  readonly lines: string[]
  /** Resolves at the next line, or at the end of the process. */
  nextLine: () => Promise<void>
  kill: () => Promise<void>
  readonly ended: Promise<void>
  readonly hasEnded: boolean
}

/** Starts test/helpers/lmdb-child.ts. */
export function startLmdbChild (t: Test, ...args: string[]): LmdbChild {
  const child = spawn(process.execPath, [...typescriptArgs(new URL('./lmdb-child.ts', import.meta.url)), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  let rest = ''
  const waiting: Array<() => void> = []
  const wake = (): void => { for (const resolve of waiting.splice(0)) resolve() }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    wake()
  })
  const ended = new Promise<void>(resolve => { child.on('close', () => { resolve(); wake() }) })
  const kill = async (): Promise<void> => { child.kill('SIGKILL'); await ended }
  t.teardown(kill)
  return {
    pid: child.pid ?? 0,
    lines,
    nextLine: async () => { await Promise.race([ended, new Promise<void>(resolve => { waiting.push(resolve) })]) },
    kill,
    ended,
    get hasEnded () { return child.exitCode !== null || child.signalCode !== null }
  }
}
