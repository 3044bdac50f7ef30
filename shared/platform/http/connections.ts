/**
 * The connections that a process has taken. Each costs a descriptor, and strangers can open as many as they like: beyond a limit new ones
 * are closed as they come, so that the store, the bus and open connections keep what they need.
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../log.js'

export interface Connections {
  /** Counts those of a server with the others of this process. */
  watch: (server: Server) => WatchedServer
}

export interface WatchedServer {
  /** Ends what is open by then, whatever the other side does. */
  endAfter: (ms: number) => void
}

/** Left for everything else that a process opens; of a small limit a half. */
const reservedDescriptors = 256
/** Below this share of the limit it has room again. */
const roomAgain = 0.9

export function createConnections ({ log, limit = mostConnections() }: { log: Log, limit?: number }): Connections {
  let open = 0
  let isFull = false

  function refuse (socket: Socket | undefined): void {
    socket?.destroy()
    if (isFull) return
    isFull = true
    log.error({ event: 'connections-full', open, limit }, 'no more connections are taken: raise the limit of open files (ulimit -n), or look who opens so many')
  }

  function closed (): void {
    open--
    if (!isFull || open > limit * roomAgain) return
    isFull = false
    log.info({ event: 'connections-taken-again', open, limit }, 'connections are taken again')
  }

  return {
    watch: server => {
      const own = new Set<Socket>()
      /** One function for all, by itself: each connection has only one end. */
      function forget (this: Socket): void {
        own.delete(this)
        closed()
      }
      server.on('connection', (socket: Socket) => {
        // One that was given back to the server (upgrades.ts) comes again.
        if (own.has(socket)) return
        if (open >= limit) { refuse(socket); return }
        open++
        own.add(socket)
        socket.on('close', forget)
      })
      // What the system has no descriptor for it could not even accept. Faults of listening are its caller's.
      server.on('error', () => { if (server.listening) refuse(undefined) })
      return { endAfter: ms => { setTimeout(() => { for (const socket of own) socket.destroy() }, ms).unref() } }
    }
  }
}

/** Without end where the limit is not known: outside Linux. */
function mostConnections (): number {
  let limits = ''
  try { limits = readFileSync('/proc/self/limits', 'utf8') } catch { return Infinity }
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity)
  return Number.isFinite(descriptors) ? descriptors - Math.min(reservedDescriptors, Math.floor(descriptors / 2)) : Infinity
}
