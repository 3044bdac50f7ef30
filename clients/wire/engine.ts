/**
 * Engine.IO's protocol, version 4, as text (https://socket.io/docs/v4/engine-io-protocol), in a browser:
 *
 *   opening -> open    the server's "open" has come
 *   any     -> closed  close(), the transport's end, no ping in time, or the browser is offline
 */
import { createCarrier } from './carrier.js'
import { packet } from './transport.js'

export interface Engine {
  send (message: string): void
  /** What was sent before still goes. */
  close (): void
}

export interface EngineOptions {
  readonly address: URL
  readonly isPollingFirst: boolean
  onOpen (): void
  onMessage (text: string): void
  /** Once; not after `close()`. */
  onClosed (reason: string): void
}

export function openEngine ({ address, isPollingFirst, onOpen, onMessage, onClosed }: EngineOptions): Engine {
  const ended = new AbortController()
  const carrier = createCarrier({ address, isPollingFirst, onPacket: take, onEnd: finish })
  let timer: ReturnType<typeof setTimeout> | undefined

  function take (text: string): void {
    const type = text[0]
    if (type === packet.message) return onMessage(text.slice(1))
    if (type === packet.close) return finish('transport close')
    if (type === packet.open || type === packet.ping) awaitPing()
    if (type === packet.ping) carrier.send(packet.pong)
    if (type === packet.open) onOpen()
  }

  /** A server that pings no more is gone, whatever the transport says. */
  function awaitPing (): void {
    const { handshake } = carrier
    clearTimeout(timer)
    if (handshake !== undefined) timer = setTimeout(() => { finish('ping timeout') }, handshake.pingInterval + handshake.pingTimeout)
  }

  function finish (reason: string): void {
    close()
    onClosed(reason)
  }

  function close (): void {
    clearTimeout(timer)
    carrier.close()
    ended.abort()
  }

  addEventListener('offline', () => { finish('transport close') }, { signal: ended.signal })
  return { send (message) { carrier.send(packet.message + message) }, close }
}
