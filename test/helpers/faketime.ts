/** Processes whose wall clock a test sets while they run: libfaketime, where it is installed. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Settings } from './deployment.js'

const places = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib', '/opt/homebrew/lib', '/usr/local/lib']
const library = places.map(place => join(place, 'faketime', 'libfaketime.so.1')).find(path => existsSync(path))

export const faketimeMissing = library === undefined ? 'needs libfaketime: apt-get install faketime' : undefined

export interface FakeClock {
  /** The environment of the processes that go by it. */
  readonly settings: Settings
  /** From now on their wall clocks are ahead of the machine's by so much (below 0: behind). Steady clocks stay. */
  set: (aheadMs: number) => Promise<void>
}

export async function createFakeClock (dir: string): Promise<FakeClock> {
  const file = join(dir, 'faketime')
  const set = async (aheadMs: number): Promise<void> => { await writeFile(file, `${aheadMs < 0 ? '-' : '+'}${Math.abs(aheadMs) / 1000}\n`) }
  await set(0)
  return { settings: { LD_PRELOAD: library ?? '', FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' }, set }
}
