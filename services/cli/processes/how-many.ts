/** How many processes and nodes `up` runs where nobody says. */
import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'

export interface Machine {
  readonly platform: NodeJS.Platform
  /** That this process may use. */
  readonly cores: number
  /** The same. */
  readonly memoryBytes: number
}

/** `mongodbUrl`, `natsUrl`: what the first process does not keep itself. */
export interface Asked { readonly processes: number | undefined, readonly nodes: number | undefined, readonly mongodbUrl?: string | undefined, readonly natsUrl?: string | undefined }

export interface HowMany { readonly processes: number, readonly nodes: number }

const usualNodes = 2
const maxProcesses = 64
/** A process that serves is small at first, and grows with its sockets. */
const bytesEach = 512 * 1024 ** 2

/** Each process has a node at least, and no more of them are made than were asked for. */
export function howMany (asked: Asked, machine = thisMachine()): HowMany {
  const processes = asked.processes ?? Math.max(1, Math.min(usual(asked, machine), asked.nodes ?? maxProcesses, maxProcesses))
  return { processes, nodes: Math.max(asked.nodes ?? usualNodes, processes) }
}

/**
 * A core is left to the first process: a mail costs it more than half, for the store and the bus, of what it costs the busiest thread of a site
 * in one process (docs/performance.md, processes-2). Windows shares no listening socket in this way.
 */
function usual ({ mongodbUrl, natsUrl }: Asked, { platform, cores, memoryBytes }: Machine): number {
  if (platform === 'win32') return 1
  const isFirstIdle = mongodbUrl !== undefined && natsUrl !== undefined
  return Math.min(isFirstIdle ? cores : cores - 1, Math.floor(memoryBytes / bytesEach))
}

function thisMachine (): Machine {
  const limit = process.constrainedMemory()
  return {
    platform: process.platform,
    cores: Math.min(availableParallelism(), quotaOfContainer()),
    // 0 and a number beyond all memory stand for none.
    memoryBytes: limit > 0 ? Math.min(totalmem(), limit) : totalmem()
  }
}

/** CPUs that a container may use, as Linux has it (cgroup v2); Node.js 20 counts those of the machine. */
function quotaOfContainer (): number {
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').trim().split(' ').map(Number)
    return quota! > 0 && period! > 0 ? Math.ceil(quota! / period!) : Infinity // `max` is no number
  } catch {
    return Infinity // another system
  }
}
