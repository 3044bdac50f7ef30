import type { Socket } from 'socket.io'

/** Ends a socket, also in the middle of its handshake, when Socket.IO's own way does nothing. */
export function endSocket (socket: Socket): void {
  if (socket.connected) socket.disconnect(true)
  else socket.conn.close()
}
