/**
 * A Socket.IO client of the protocol's own words over one WebSocket, for many sockets in one process: Engine.IO 4
 * (`0` open, `2` ping, `3` pong, `4` message) and in its messages Socket.IO (`0` connect, `2` event, `3` acknowledgement,
 * `4` refused). Nothing is parsed but what the listener asks for.
 */
import { WebSocket } from 'ws'

export interface RawSocket {
  /** Sends an event of one argument, given as JSON text; resolves with the JSON text of its acknowledgement, an array. */
  ask: (event: string, json: string) => Promise<string>
  readonly isOpen: boolean
  close: () => void
}

export interface RawSocketOptions {
  /** Of the node: http or https, with its path where it has one. */
  readonly url: string
  readonly auth: object
  /** The name of an event, and the JSON text of its arguments: everything behind the name and its comma, up to the last bracket. */
  readonly onEvent: (event: string, json: string) => void
  /** Not called after `close()`. */
  readonly onClosed?: (reason: string) => void
}

const connectTimeoutMs = 30_000

/** Resolves once the namespace is joined; rejects where it is refused. */
export async function openRawSocket (options: RawSocketOptions): Promise<RawSocket> {
  return await new Promise((resolve, reject) => { new RawSocketOverWs(options, resolve, reject).listen() })
}

interface Request { readonly resolve: (json: string) => void, readonly reject: (error: Error) => void }

class RawSocketOverWs implements RawSocket {
  readonly #options: RawSocketOptions
  readonly #opened: (socket: RawSocket) => void
  readonly #refused: (error: Error) => void
  readonly #ws: WebSocket
  /** Without an acknowledgement yet, by id. */
  readonly #requests = new Map<string, Request>()
  readonly #timer: NodeJS.Timeout
  #nextId = 0
  #state: 'opening' | 'open' | 'closed' = 'opening'

  constructor (options: RawSocketOptions, opened: (socket: RawSocket) => void, refused: (error: Error) => void) {
    this.#options = options
    this.#opened = opened
    this.#refused = refused
    this.#ws = new WebSocket(`${options.url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false, skipUTF8Validation: true, handshakeTimeout: connectTimeoutMs })
    this.#timer = setTimeout(() => { this.#lost('no answer to the handshake') }, connectTimeoutMs)
  }

  get isOpen (): boolean { return this.#state === 'open' }

  listen (): void {
    this.#ws.on('message', (data: Buffer) => { if (this.#state !== 'closed') this.#packet(data.toString()) })
    this.#ws.on('error', error => { this.#lost(error.message) })
    this.#ws.on('close', (code: number) => { this.#lost(`code ${code}`) })
  }

  async ask (event: string, json: string): Promise<string> {
    return await new Promise((resolve, reject) => {
      if (this.#state !== 'open') { reject(new Error('the socket is not open')); return }
      const id = String(this.#nextId++)
      this.#requests.set(id, { resolve, reject })
      this.#ws.send(`42${id}["${event}",${json}]`)
    })
  }

  close (): void {
    this.#become('closed', 'the socket was closed')
    this.#ws.close()
  }

  #lost (reason: string): void {
    const was = this.#state
    if (was === 'closed') return
    this.#become('closed', `the socket has closed: ${reason}`)
    this.#ws.terminate()
    if (was === 'open') this.#options.onClosed?.(reason)
    else this.#refused(new Error(`the socket was not opened: ${reason}`))
  }

  /** `reason`: what those that wait for an acknowledgement get. */
  #become (next: 'open' | 'closed', reason = ''): void {
    clearTimeout(this.#timer)
    this.#state = next
    if (next === 'open') return
    for (const { reject } of this.#requests.values()) reject(new Error(reason))
    this.#requests.clear()
  }

  /** Engine.IO. */
  #packet (text: string): void {
    switch (text.charAt(0)) {
      case '0': this.#ws.send(`40${JSON.stringify(this.#options.auth)}`); return
      case '1': this.#lost('by the server'); return
      case '2': this.#ws.send('3'); return
      case '4': this.#message(text)
    }
  }

  /** Socket.IO within an Engine.IO message. */
  #message (text: string): void {
    switch (text.charAt(1)) {
      case '0':
        this.#become('open')
        this.#opened(this)
        return
      case '1': this.#lost('by the server'); return
      case '2': {
        const name = text.indexOf('"', 4)
        this.#options.onEvent(text.slice(4, name), text.slice(name + 2, -1))
        return
      }
      case '3': {
        const bracket = text.indexOf('[')
        const id = text.slice(2, bracket)
        this.#requests.get(id)?.resolve(text.slice(bracket))
        this.#requests.delete(id)
        return
      }
      case '4': this.#lost(`refused: ${text.slice(2)}`)
    }
  }
}
