/**
 * Hands open sockets from one process to another, over the channel that Node gives them. Both have a socket open for a while, and what comes in
 * then may be read by either. So the one that takes it does nothing with it before the other has let go of it: give → have → yours. What the giving
 * one has read meanwhile comes with `yours`. Clients wait for an answer, so hardly ever is there anything; where both have read, nobody
 * knows in which order, and the connection is closed: nothing that came over it has been done.
 */
import type { Socket } from 'node:net'

export type HandOverMessage<What> =
  /** With the socket. */
  | { readonly hand: 'give', readonly id: number, readonly what: What }
  | { readonly hand: 'have', readonly id: number }
  /** `more`: of what the client sent after what was given. */
  | { readonly hand: 'yours', readonly id: number, readonly more: Uint8Array }

export interface HandOver<What> {
  /** `socket`: nobody writes to it or waits for what comes from it any more, and its client waits for an answer. */
  readonly give: (socket: Socket, what: What) => void
  /** That it gives and nobody has yet. */
  readonly underWay: () => number
  readonly hear: (message: HandOverMessage<What>, socket: Socket | undefined) => void
  /** The other process is gone: closes what was on its way. */
  readonly end: () => void
}

const ignore = (): void => {}

interface Given { readonly socket: Socket, readonly more: Buffer[] }

/** `send` keeps the socket open in this process. `onSocket` gets what the other process gave, with what that one read afterwards. */
export function createHandOver<What> (send: (message: HandOverMessage<What>, socket?: Socket) => void, onSocket: (socket: Socket, what: What, more: Uint8Array) => void): HandOver<What> {
  const given = new Map<number, Given>()
  const taken = new Map<number, { readonly socket: Socket, readonly what: What }>()
  let lastId = 0
  return {
    give (socket, what) {
      socket.on('error', ignore)
      if (socket.destroyed) return // its client has left, and no `close` may follow
      const id = ++lastId
      const more: Buffer[] = []
      given.set(id, { socket, more })
      socket.once('close', () => { given.delete(id) })
      socket.on('data', (bytes: Buffer) => { more.push(bytes) }).resume()
      send({ hand: 'give', id, what }, socket)
    },
    underWay: () => given.size,
    hear (message, socket) {
      const { id } = message
      switch (message.hand) {
        case 'give':
          // Node sends none that has closed meanwhile.
          if (socket === undefined) return
          taken.set(id, { socket, what: message.what })
          socket.on('error', ignore)
          send({ hand: 'have', id })
          return
        case 'have': {
          const one = given.get(id)
          one?.socket.destroy()
          send({ hand: 'yours', id, more: Buffer.concat(one?.more ?? []) })
          return
        }
        case 'yours': {
          const one = taken.get(id)
          if (one === undefined) return
          taken.delete(id)
          if (one.socket.destroyed) return
          one.socket.off('error', ignore)
          if (message.more.length > 0 && one.socket.readableLength > 0) one.socket.destroy()
          else onSocket(one.socket, one.what, message.more)
        }
      }
    },
    end () {
      for (const { socket } of given.values()) socket.destroy()
      for (const { socket } of taken.values()) socket.destroy()
      taken.clear()
    }
  }
}
