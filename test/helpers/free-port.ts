import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port of this machine that nobody listens on now. Below those that systems take for outgoing connections (32768 on Linux, 49152
 * elsewhere): one of those may be taken again before it is used, and again while a server is restarted.
 */
export async function freePort (): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const server = createServer().listen(port, '127.0.0.1')
    try { await once(server, 'listening') } catch { continue }
    server.close()
    await once(server, 'close')
    return port
  }
}
