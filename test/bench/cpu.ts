import { cpuSecondsOf } from '../../services/cli/bench/process-cpu.js'
import type { Child } from './child.js'

/** µs of CPU that the servers used during `work`: Node processes say it themselves, others by /proc. */
export async function cpuDuring<T> (servers: readonly Child[], pids: readonly number[], work: () => Promise<T>): Promise<{ micros: number, result: T }> {
  const read = async (): Promise<number> => {
    const own = await Promise.all(servers.map(async server => await server.cpu()))
    const others = pids.length === 0 ? 0 : cpuSecondsOf(pids)
    if (others === undefined) throw new Error(`no CPU times of ${pids.join()}`)
    return own.reduce((sum, micros) => sum + micros, 0) + others * 1e6
  }
  const before = await read()
  const result = await work()
  return { micros: await read() - before, result }
}
