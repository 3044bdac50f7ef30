import { readFileSync } from 'node:fs'

/** What the kernel counts in on every Linux that Node runs on (`getconf CLK_TCK`). */
const ticksPerSecond = 100

/** CPU seconds that these processes have used, in user and kernel mode, all threads; undefined where one cannot be read. */
export function cpuSecondsOf (pids: readonly number[]): number | undefined {
  if (pids.length === 0) return undefined
  let ticks = 0
  try {
    for (const pid of pids) {
      // The second field is the program's name in brackets, which may hold anything.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
      ticks += Number(fields[11]) + Number(fields[12])
    }
  } catch {
    return undefined // gone, or no Linux
  }
  return ticks / ticksPerSecond
}
