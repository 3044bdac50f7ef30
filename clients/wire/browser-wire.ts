/** Socket.IO's protocol, version 5 (https://socket.io/docs/v4/socket-io-protocol), in a browser: its default namespace, without binary data. */
import { openEngine } from './engine.js'
import type { OpenWire } from './wire.js'

const packet = { connect: '0', disconnect: '1', event: '2', ack: '3', refused: '4' } as const

export const openWire: OpenWire = ({ origin, path, auth, isPollingFirst }, events) => {
  const pending = new Map<number, { resolve: (answer: unknown) => void, reject: (error: Error) => void }>()
  let state: 'opening' | 'open' | 'closed' = 'opening'
  let requests = 0

  const engine = openEngine({
    address: new URL(`${path}/`, origin),
    isPollingFirst,
    onOpen () { engine.send(packet.connect + JSON.stringify(auth)) },
    onMessage (text) {
      if (state !== 'closed') take(text)
    },
    onClosed: end
  })

  function end (reason: string, data?: unknown): void {
    const was = state
    if (was === 'closed') return
    shut(reason)
    if (was === 'open') events.onClosed(reason)
    else events.onRefused(Object.assign(new Error(reason), { data }))
  }

  function shut (reason: string): void {
    state = 'closed'
    for (const { reject } of pending.values()) reject(new Error(reason))
    pending.clear()
    engine.close()
  }

  /** A type, the number of a request where it has one, and JSON. */
  function take (text: string): void {
    const at = text.search(/[[{]|$/)
    let body: unknown
    try { body = at < text.length ? JSON.parse(text.slice(at)) : undefined } catch { return end('parse error') }
    const type = text[0]
    if (type === packet.connect) state = 'open'
    else if (type === packet.event) events.onEvent(...body as [string, ...unknown[]])
    else if (type === packet.ack) pending.get(Number(text.slice(1, at)))?.resolve((body as [unknown])[0])
    else if (type === packet.disconnect) end('io server disconnect')
    else if (type === packet.refused) {
      const { message, data } = body as { message: string, data?: unknown }
      end(message, data)
    }
  }

  return {
    get isOpen () { return state === 'open' },
    async request (event, payload, timeoutMs) {
      if (state !== 'open') throw new Error('the socket is closed')
      requests += 1
      const id = requests
      let timer: ReturnType<typeof setTimeout> | undefined
      try {
        return await new Promise((resolve, reject) => {
          pending.set(id, { resolve, reject })
          timer = setTimeout(() => { reject(new Error('no acknowledgement in time')) }, timeoutMs)
          engine.send(packet.event + id + JSON.stringify([event, payload]))
        })
      } finally {
        clearTimeout(timer)
        pending.delete(id)
      }
    },
    close () {
      if (state === 'closed') return
      if (state === 'open') engine.send(packet.disconnect)
      shut('closed')
    }
  }
}
