/**
 * The request that began a connection stays in memory as long as the connection, though nobody asks for it again. Setting it to null is
 * Socket.IO's documented way to free it. Of a WebSocket something else holds it, too (findings/socket-io-request-stays-after-it-was-discarded.sh):
 * there at least its texts go.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'socket.io'

/** Call it once the engine has the connection. */
export function forgetRequest (engineConnection: Socket['conn']): void {
  const connection = engineConnection as { request: IncomingMessage | null }
  const { request } = connection
  if (request === null) return
  connection.request = null
  request.headers = {}
  request.rawHeaders = []
  request.url = ''
}
