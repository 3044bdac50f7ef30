import type { Transport, TransportOptions } from './transport.js'

export function openWebSocket ({ url, onPacket, onEnd }: TransportOptions): Transport {
  const address = url()
  address.protocol = address.protocol.replace('http', 'ws')
  address.searchParams.set('transport', 'websocket')
  /** Until it is open. */
  let early: string[] | undefined = []
  let socket: WebSocket
  try { socket = new WebSocket(address) } catch {
    // The page may open none: its policy, or its being https.
    queueMicrotask(() => { onEnd('websocket error') })
    return { send () {}, close () {} }
  }
  socket.onopen = () => {
    for (const packet of early ?? []) socket.send(packet)
    early = undefined
  }
  socket.onmessage = ({ data }) => { if (typeof data === 'string') onPacket(data) }
  socket.onclose = () => { onEnd(early === undefined ? 'transport close' : 'websocket error') }
  return {
    send (packets) {
      if (early !== undefined) early.push(...packets)
      else for (const packet of packets) socket.send(packet)
    },
    close () { socket.close() }
  }
}
