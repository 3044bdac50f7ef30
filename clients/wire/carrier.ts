/**
 * Which transport carries the packets: the first one that the server answers on; where that is polling, a WebSocket takes its place once it
 * has answered a probe.
 */
import { openPolling } from './polling.js'
import { packet, type Transport, type TransportOptions } from './transport.js'
import { openWebSocket } from './web-socket.js'

/** What the server says first. */
export interface Handshake {
  readonly sid: string
  readonly upgrades: readonly string[]
  readonly pingInterval: number
  readonly pingTimeout: number
  readonly maxPayload: number
}

export interface Carrier {
  readonly handshake: Handshake | undefined
  send (packet: string): void
  /** What was sent before still goes; nothing is told any more. */
  close (): void
}

export interface CarrierOptions {
  readonly address: URL
  readonly isPollingFirst: boolean
  onPacket (packet: string): void
  onEnd (reason: string): void
}

const probe = 'probe'

export function createCarrier ({ address, isPollingFirst, onPacket, onEnd }: CarrierOptions): Carrier {
  const next = isPollingFirst ? [beginByPolling, beginByWebSocket] : [beginByWebSocket, beginByPolling]
  const closing = new AbortController()
  let handshake: Handshake | undefined
  let transport: Transport | undefined
  /** A WebSocket is taking the place of polling: what is sent meanwhile waits for it. */
  let waiting: string[] | undefined

  const options = (onPacket: TransportOptions['onPacket'], onEnd: TransportOptions['onEnd']): TransportOptions => ({
    url () {
      const url = new URL(address)
      url.searchParams.set('EIO', '4')
      if (handshake !== undefined) url.searchParams.set('sid', handshake.sid)
      return url
    },
    maxBytes: () => handshake?.maxPayload ?? 0,
    onPacket (text) { if (!closing.signal.aborted) onPacket(text) },
    onEnd (reason) { if (!closing.signal.aborted) onEnd(reason) }
  })

  function take (text: string): void {
    if (text.startsWith(packet.open)) handshake = JSON.parse(text.slice(1)) as Handshake
    onPacket(text)
  }

  /** What fails before it was open is not the way to begin: the other one may be. */
  function endOrNext (reason: string): void {
    const begin = handshake === undefined ? next.shift() : undefined
    if (begin === undefined) onEnd(reason)
    else begin()
  }

  function beginByWebSocket (): void { transport = openWebSocket(options(take, endOrNext)) }

  function beginByPolling (): void {
    const polling = openPolling(options(text => {
      take(text)
      if (text.startsWith(packet.open) && handshake?.upgrades.includes('websocket') === true) tryWebSocket(polling.pause)
    }, endOrNext))
    transport = polling
  }

  function tryWebSocket (pausePolling: () => Promise<void>): void {
    const socket = openWebSocket(options(text => {
      if (transport === socket) take(text)
      else if (text === packet.pong + probe && waiting === undefined) void takePlace()
    }, reason => {
      // One that was not needed yet is not missed.
      if (transport === socket || waiting !== undefined) onEnd(reason)
    }))
    socket.send([packet.ping + probe])
    closing.signal.addEventListener('abort', () => { socket.close() })

    async function takePlace (): Promise<void> {
      waiting = []
      await pausePolling()
      if (closing.signal.aborted) return
      socket.send([packet.upgrade, ...waiting])
      waiting = undefined
      transport = socket
    }
  }

  next.shift()?.()
  return {
    get handshake () { return handshake },
    send (text) {
      if (waiting === undefined) transport?.send([text])
      else waiting.push(text)
    },
    close () {
      transport?.close()
      closing.abort()
    }
  }
}
