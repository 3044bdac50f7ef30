import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/** Where nodes begin to look for a port of their own. */
export const firstNodePort = 9101
const portsToTry = 1000

/**
 * Starts something on the first free port from `from`. A port that was free when it was looked at may be taken by
 * the time of the start (several nodes starting together): then the next one is tried.
 */
export async function startOnFreePort<T> (host: string, from: number, start: (port: number) => Promise<T>): Promise<T> {
  for (let port = from; ; port++) {
    const isLast = port >= Math.min(from + portsToTry, 65535)
    if (!isLast && !await isFree(host, port)) continue
    try {
      return await start(port)
    } catch (error) {
      if (isLast || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

/** Rejects where nobody could listen there: no address of this machine, no right to. */
export async function isFree (host: string, port: number): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EADDRINUSE') resolve(false); else reject(error) })
    probe.listen({ host, port, exclusive: true }, () => { probe.close(() => { resolve(true) }) })
  })
}

/** One that nobody listens on now. Rejects as `isFree` does. */
export async function anyFreePort (host: string): Promise<number> {
  const probe = createServer().listen({ host, port: 0, exclusive: true })
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
