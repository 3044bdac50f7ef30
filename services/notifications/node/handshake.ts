/**
 * The handshake of a socket (docs/protocol.md "Handshake"), in two steps, as Socket.IO has it: `admit` checks it and loads everything of
 * the user, so a store that is away is a refused handshake with its code; `begin` sends `ready`, and entries from then on.
 */
import type { Socket } from 'socket.io'
import { GatepostError } from '../../../shared/contract/errors.js'
import { allStream, userStream } from '../../../shared/contract/names.js'
import type { Ticket } from '../../../shared/platform/identity/ticket.js'
import type { Unread } from '../mailbox/unread/counts.js'
import { priceOfStreams } from '../mailbox/user-budget.js'
import { Connection } from '../realtime/connection.js'
import { SocketWriter } from '../realtime/transport/socket-writer.js'
import type { NotificationsNode } from './node.js'
import { HandshakeAuth } from './socket-payloads.js'

export interface Handshake {
  /** Rejects where the socket is refused. What it opened closes with the socket's connection. */
  admit: (socket: Socket) => Promise<void>
  /** Undefined where the socket has gone meanwhile. */
  begin: (socket: Socket) => Connection | undefined
}

export interface HandshakeOptions {
  readonly node: NotificationsNode
  /** Then nobody new is taken. */
  readonly isDraining: () => boolean
}

/** Socket.IO keeps it as long as the socket: the ticket, cursors and headers are the largest texts of one that has nothing to do. */
function forgetHandshake ({ handshake }: Socket): void {
  handshake.auth = {}
  handshake.headers = {}
}

export function createHandshake ({ node, isDraining }: HandshakeOptions): Handshake {
  const { entrance, mailbox, realtime } = node
  const admitted = new WeakMap<Socket, { connection: Connection, unread: Unread }>()

  const gone = (): GatepostError => new GatepostError('GP_OVERLOADED', 'connect: the connection has ended')
  function requireOpen ({ state }: Connection): void { if (state === 'closed') throw gone() }

  async function load (connection: Connection, ticket: Ticket): Promise<Unread> {
    const { user } = connection
    realtime.users.add(connection)
    const placed = entrance.places.confirm(user)
    placed?.catch(() => {}) // awaited below
    // A reader of the own stream before the memberships are read, of the groups before their ranges are.
    const streams = [connection.open(userStream(user)), connection.open(allStream)]
    await entrance.joinByTicket(ticket)
    await Promise.all([placed, ...streams.map(({ opened }) => opened)])
    const view = await connection.openAll()
    return (await mailbox.unread.count(view, stream => realtime.hub.get(stream)?.head ?? 0)).unread
  }

  return {
    admit: async socket => {
      // One that has ended tells nobody of it any more: what it opened would stay.
      if (socket.conn.readyState !== 'open') throw gone()
      if (isDraining()) throw new GatepostError('GP_DRAINING', 'this node is draining; ask Gate for another')
      const auth = new HandshakeAuth(socket.handshake.auth)
      const form = node.forms[auth.form]
      const ticket = entrance.verifyTicketOnce(auth.ticket)
      const { cursors, topics } = auth
      const connection = new Connection({ node: node.forConnections, transport: new SocketWriter(socket), ticket, form, countsItself: auth.counts, cursors })
      const end = (): void => {
        socket.conn.off('close', end)
        if (connection.state === 'closed') return
        connection.close()
        realtime.users.remove(connection)
        entrance.places.released(connection.user)
        realtime.topics.remove(connection, [...connection.topics])
      }
      socket.conn.on('close', end)
      try {
        await entrance.budget.charge(connection.user, 'reading', priceOfStreams(cursors))
        requireOpen(connection)
        // In the turn in which the connection takes its place: of many that come at once no more than there are places.
        entrance.places.require(connection.user)
        const unread = await load(connection, ticket)
        requireOpen(connection)
        // The user may have been revoked before this connection was one of the user's.
        entrance.admitAgain(ticket)
        realtime.topics.add(connection, topics)
        admitted.set(socket, { connection, unread })
        forgetHandshake(socket)
        socket.on('disconnect', () => {
          end()
          // A connection is for its one socket: nothing else would ever close it.
          socket.conn.close()
        })
      } catch (error) {
        end()
        throw error
      }
    },
    begin: socket => {
      const { connection, unread } = admitted.get(socket) ?? {}
      admitted.delete(socket)
      if (connection?.state !== 'opening' || unread === undefined) return undefined
      const view = mailbox.views.peek(userStream(connection.user))
      if (view === undefined) return undefined
      connection.start(view, heads => { socket.emit('ready', { user: connection.user, node: node.nodeId, heads, ...unread, ...connection.form.inReady, ...connection.countsItself && { counts: true } }) })
      realtime.users.notified(connection.user, JSON.stringify(unread))
      return connection
    }
  }
}
