import { io } from 'socket.io-client'
import type { OpenWire } from './wire.js'

/** What a timer can hold: whoever opened the wire ends it. */
const neverMs = 2 ** 31 - 1

export const openWire: OpenWire = ({ origin, path, auth, isPollingFirst }, events) => {
  const socket = io(origin, {
    path,
    auth,
    transports: isPollingFirst ? ['polling', 'websocket'] : ['websocket', 'polling'],
    tryAllTransports: true,
    reconnection: false,
    forceNew: true,
    timeout: neverMs
  })
  socket.on('connect_error', error => { events.onRefused(error) })
  socket.on('disconnect', reason => { events.onClosed(reason) })
  socket.onAny((name: string, ...args: unknown[]) => { events.onEvent(name, ...args) })
  return {
    get isOpen () { return socket.connected },
    request: async (event, payload, timeoutMs) => await socket.timeout(timeoutMs).emitWithAck(event, payload) as unknown,
    close () {
      // Leaves the acknowledgements of open requests in place: they fail because the socket is gone.
      socket.off()
      socket.offAny()
      socket.disconnect()
    }
  }
}
