/** A file system of its own, in memory, that can be filled up: only root may mount one. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

export interface SmallDisk {
  readonly dir: string
  freeBytes: () => number
  /** Takes room away until so much is free. */
  leave: (bytes: number) => void
  /** Gives it back. */
  giveBack: () => void
  grow: (bytes: number) => void
}

const mountTmpfs = (dir: string, options: string): void => { execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { stdio: 'ignore' }) }

function mayMount (): boolean {
  const dir = mkdtempSync(join(tmpdir(), 'gatepost-mount-'))
  try {
    mountTmpfs(dir, 'size=1m')
    execFileSync('umount', [dir], { stdio: 'ignore' })
    return true
  } catch { return false } finally { rmSync(dir, { recursive: true, force: true }) }
}

/** False, or why a test that needs it is skipped. */
export const smallDiskMissing: string | false = process.platform === 'linux' && mayMount() ? false : 'needs the right to mount a file system (root on Linux)'

/** Unmounted with the test. */
export function mountSmallDisk (t: Test, bytes: number): SmallDisk {
  const dir = mkdtempSync(join(tmpdir(), 'gatepost-disk-'))
  mountTmpfs(dir, `size=${bytes}`)
  t.teardown(() => {
    execFileSync('umount', ['-l', dir], { stdio: 'ignore' })
    rmSync(dir, { recursive: true, force: true })
  })
  const ballast = join(dir, 'ballast')
  const freeBytes = (): number => { const { bavail, bsize } = statfsSync(dir); return bavail * bsize }
  return {
    dir,
    freeBytes,
    leave: left => { writeFileSync(ballast, Buffer.alloc(Math.max(0, freeBytes() - left)), { flag: 'a' }) },
    giveBack: () => { rmSync(ballast, { force: true }) },
    grow: to => { execFileSync('mount', ['-o', `remount,size=${to}`, dir], { stdio: 'ignore' }) }
  }
}
