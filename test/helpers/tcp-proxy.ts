/** A TCP link that can be broken: forwards to a port of this machine. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import type { Test } from 'tap'
import { freePort } from './free-port.js'

export interface TcpProxy {
  readonly port: number
  /** Breaks all connections and refuses new ones. */
  cut: () => Promise<void>
  /** Accepts again, on the same port. */
  mend: () => Promise<void>
  /** Forwards nothing any more in either direction, and keeps the connections open. */
  freeze: () => void
  thaw: () => void
  /** Forwards what is asked, and none of the answers. */
  mute: () => void
  /** Each chunk is so long on its way; those behind it wait. 0: at once again. */
  delay: (ms: number) => void
}

/** Each ends with the other; `sockets` has both for as long as they are open. `forward` is called for each direction. */
export function joinSockets (near: Socket, far: Socket, sockets: Set<Socket>, forward: (socket: Socket, other: Socket) => void): void {
  for (const [socket, other] of [[near, far], [far, near]] as const) {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
    forward(socket, other)
  }
}

export async function startTcpProxy (t: Test, targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const farSockets = new Set<Socket>()
  let isFrozen = false
  let isMuted = false
  let delayMs = 0
  const wire = (): Transform => new Transform({
    transform (chunk: Buffer, _encoding, done) {
      if (delayMs === 0) done(null, chunk)
      else setTimeout(done, delayMs, null, chunk)
    }
  })
  const server = createServer(near => {
    const far = connect(targetPort, '127.0.0.1')
    farSockets.add(far)
    far.on('close', () => { farSockets.delete(far) })
    joinSockets(near, far, sockets, (socket, other) => {
      socket.pipe(wire()).pipe(other)
      if (isFrozen || (isMuted && socket === far)) socket.pause()
    })
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')

  async function cut (): Promise<void> {
    const closed = server.listening ? once(server, 'close') : undefined
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }

  t.teardown(cut)
  return {
    port,
    cut,
    async mend () {
      isMuted = false
      if (server.listening) return
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    freeze () {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
    mute () {
      isMuted = true
      for (const socket of farSockets) socket.pause()
    },
    delay (ms) { delayMs = ms },
    thaw () {
      isFrozen = false
      for (const socket of sockets) socket.resume()
    }
  }
}
