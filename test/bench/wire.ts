import type { Child } from './child.js'

/** Bytes that went between the clients and the servers during `work`, counted at the clients' sockets. */
export async function wireBytesDuring<T> (clients: Child, work: () => Promise<T>): Promise<{ bytes: number, result: T }> {
  const before = await clients.ask<number>('wireBytes')
  const result = await work()
  return { bytes: await clients.ask<number>('wireBytes') - before, result }
}
