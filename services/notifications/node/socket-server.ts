/**
 * The Socket.IO side of a node: which sockets begin (handshake.ts), that their events are answered in turn (socket-events.ts), and how
 * an error looks to a client.
 */
import type { Server as HttpServer } from 'node:http'
import type { Socket } from 'socket.io'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { Origins } from '../../../shared/platform/http/origins.js'
import type { Log } from '../../../shared/platform/log.js'
import { EventQueue, type EventRules } from '../realtime/transport/event-queue.js'
import { createFloodGuards } from '../realtime/transport/flood-guard.js'
import { maxEventBytes, openEngine } from '../realtime/transport/open-engine.js'
import { createHandshake } from './handshake.js'
import type { NotificationsNode } from './node.js'
import { createSocketEvents } from './socket-events.js'

export interface SocketServerOptions {
  readonly node: NotificationsNode
  /** Then nobody new is taken. */
  readonly isDraining: () => boolean
  readonly httpServer: HttpServer
  /** Pages that may open sockets. */
  readonly origins: Origins
  readonly log: Log
  /** An event or a handshake is answered with an error. */
  readonly onRefusal: () => void
}

export interface SocketServer {
  /** Where WebSockets are taken. */
  readonly path: string
  /** Closes every socket. Their connections end with the HTTP server's, at the latest. */
  close: () => void
}

export function createSocketServer ({ node, isDraining, httpServer, origins, log, onRefusal }: SocketServerOptions): SocketServer {
  const floodGuards = createFloodGuards()
  const io = openEngine(httpServer, origins, floodGuards)
  const handshake = createHandshake({ node, isDraining })
  const rules: EventRules = { ...createSocketEvents(node), toError: errorAnswer, maxEventBytes }
  /** Connections whose handshake is being looked at. */
  const handshaking = new WeakSet<Socket['conn']>()

  io.use((socket, next) => {
    const { conn } = socket
    // Each would load everything of its user, as often as one connection asks.
    if (handshaking.has(conn)) {
      next(connectError(new GatepostError('GP_VALIDATION', 'connect: got another before the first was answered; takes one')))
      conn.close()
      return
    }
    handshaking.add(conn)
    void handshake.admit(socket).then(() => { next() }, (error: unknown) => { next(connectError(error)) }).finally(() => { handshaking.delete(conn) })
  })

  io.on('connection', socket => {
    const connection = handshake.begin(socket)
    if (connection === undefined) socket.disconnect(true)
    else void new EventQueue({ socket, connection, readGuard: floodGuards.of(socket.conn), rules }) // held by its listener
  })

  function errorAnswer (error: unknown): { code: string, message: string } {
    onRefusal()
    if (error instanceof GatepostError && error.code !== 'GP_INTERNAL') return { code: error.code, message: error.message }
    log.error({ err: error }, 'an event could not be answered')
    return { code: 'GP_INTERNAL', message: 'the node could not do this; its log says why' }
  }

  function connectError (error: unknown): Error {
    const data = errorAnswer(error)
    return Object.assign(new Error(data.message), { data })
  }

  return {
    path: `${io.path()}/`,
    close: () => { io.engine.close() }
  }
}
