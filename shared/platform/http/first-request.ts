/**
 * A look at the first bytes of a connection before the HTTP server has it: whole connections can go to another process by it, with nothing parsed
 * yet. Only one whose first request has come whole, with nothing behind it: its client waits for the answer. All others are the server's, as they came.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** So long a connection may say nothing until the server has it, which then counts by its own times. */
const waitMs = 5_000
/** So many are looked at at a time, for no other limit counts them yet. The rest is the server's at once. */
const mostLookedAt = 100

export interface FirstRequests {
  /** Hands a connection to the server without a look. */
  readonly pass: (socket: Socket) => void
}

/** `take`: gets a request's path with all that was read, and says whether it has taken the connection. After everything that listens to the server's connections. */
export function lookAtFirstRequests (server: Server, take: (path: string, socket: Socket, read: Buffer) => boolean): FirstRequests {
  const own = server.listeners('connection') as Array<(socket: Socket) => void>
  // A server that takes its connections in another way gets them as they come: then what is for others is forwarded.
  if (own.length === 0) return { pass: socket => { server.emit('connection', socket) } }
  const known = new WeakSet<Socket>()
  let lookedAt = 0

  function pass (socket: Socket): void {
    known.add(socket)
    for (const listener of own) listener.call(server, socket)
  }

  function look (socket: Socket): void {
    lookedAt++
    const leave = (): void => {
      lookedAt--
      clearTimeout(timer)
      socket.off('data', over).off('end', gone).off('error', gone).off('close', gone)
    }
    /** `read` undefined: it said nothing. */
    const over = (read: Buffer | undefined): void => {
      leave()
      socket.pause()
      const path = read && pathOfWholeRequest(read)
      if (path !== undefined && take(path, socket, read!)) return
      if (read !== undefined) socket.unshift(read)
      pass(socket)
      socket.resume()
    }
    const gone = (): void => {
      leave()
      socket.destroy()
    }
    const timer = setTimeout(over, waitMs, undefined)
    socket.once('data', over).once('end', gone).once('error', gone).once('close', gone)
  }

  server.removeAllListeners('connection')
  // What is given back to the server, after an upgrade that is declined, comes again.
  server.on('connection', (socket: Socket) => { if (known.has(socket) || lookedAt >= mostLookedAt) pass(socket); else look(socket) })
  return { pass }
}

/** What says more of a request than where its end is, or asks for more than its answer. */
const notSimple = new Set(['transfer-encoding', 'expect', 'upgrade', 'http2-settings', 'trailer'])

/** Of a request of HTTP/1.1 that is all there, after which the connection stays; undefined where anything is not as usual: the server judges that. */
export function pathOfWholeRequest (read: Buffer): string | undefined {
  const headEnd = read.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [first = '', ...lines] = read.toString('latin1', 0, headEnd).split('\r\n')
  const path = /^[A-Z]+ (\/[^ ]*) HTTP\/1\.1$/.exec(first)?.[1]
  let bodyBytes: number | undefined
  for (const line of lines) {
    const [, name = '', value = ''] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    const header = name.toLowerCase()
    if (header === '' || notSimple.has(header)) return undefined
    if (header === 'connection' && value.toLowerCase() !== 'keep-alive') return undefined
    if (header !== 'content-length') continue
    if (bodyBytes !== undefined || !/^\d{1,9}$/.test(value)) return undefined
    bodyBytes = Number(value)
  }
  return read.length === headEnd + 4 + (bodyBytes ?? 0) ? path : undefined
}
