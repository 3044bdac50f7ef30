import { setTimeout as pause } from 'node:timers/promises'

const pollMs = 50

/** Resolves once the service at this address says that it is ready; it may be waiting for its backends until then. */
export async function untilReady (url: string): Promise<void> {
  while (!await isReady(url)) await pause(pollMs)
}

async function isReady (url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`)
    // Unread bodies would keep their connections.
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false // not listening yet, or no more
  }
}
