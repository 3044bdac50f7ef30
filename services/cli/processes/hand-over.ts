/**
 * Hands open sockets from one process to another, over the channel that Node gives them. Both have a socket open for a while, and what comes in
 * then may be read by either. So the one that takes it does nothing with it before the other has let go of it: give → have → yours.
 */
import type { Socket } from 'node:net'

export type HandOverMessage<What> =
  /** With the socket. */
  | { readonly hand: 'give', readonly id: number, readonly what: What }
  | { readonly hand: 'have', readonly id: number }
  | { readonly hand: 'yours', readonly id: number }

export interface HandOver<What> {
  /** `socket`: nobody writes to it or waits for what comes from it any more, and its client waits for an answer. */
  readonly give: (socket: Socket, what: What) => void
  readonly hear: (message: HandOverMessage<What>, socket: Socket | undefined) => void
  /** The other process is gone: closes what was on its way. */
  readonly end: () => void
}

const ignore = (): void => {}

/** `send` keeps the socket open in this process. `onSocket` gets what the other process gave. */
export function createHandOver<What> (send: (message: HandOverMessage<What>, socket?: Socket) => void, onSocket: (socket: Socket, what: What) => void): HandOver<What> {
  const given = new Map<number, Socket>()
  const taken = new Map<number, { readonly socket: Socket, readonly what: What }>()
  let lastId = 0
  return {
    give (socket, what) {
      socket.on('error', ignore)
      if (socket.destroyed) return // its client has left, and no `close` may follow
      const id = ++lastId
      given.set(id, socket)
      socket.once('close', () => { given.delete(id) })
      send({ hand: 'give', id, what }, socket)
    },
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
        case 'have':
          given.get(id)?.destroy()
          send({ hand: 'yours', id })
          return
        case 'yours': {
          const one = taken.get(id)
          if (one === undefined) return
          taken.delete(id)
          if (one.socket.destroyed) return
          one.socket.off('error', ignore)
          onSocket(one.socket, one.what)
        }
      }
    },
    end () {
      for (const socket of given.values()) socket.destroy()
      for (const { socket } of taken.values()) socket.destroy()
      taken.clear()
    }
  }
}
