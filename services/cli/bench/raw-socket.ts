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
  /** http or https, without a path. */
  readonly url: string
  readonly auth: object
  /** The name of an event, and the JSON text of its arguments: everything behind the name and its comma, up to the last bracket. */
  readonly onEvent: (event: string, json: string) => void
  /** Not called after `close()`. */
  readonly onClosed?: (reason: string) => void
}

const connectTimeoutMs = 30_000

/** Resolves once the namespace is joined; rejects where it is refused. */
export async function openRawSocket ({ url, auth, onEvent, onClosed }: RawSocketOptions): Promise<RawSocket> {
  return await new Promise((resolve, reject) => {
    const ws = new WebSocket(`${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false, skipUTF8Validation: true, handshakeTimeout: connectTimeoutMs })
    const answers = new Map<string, (json: string) => void>()
    const failures = new Set<(error: Error) => void>()
    let nextId = 0
    let state: 'opening' | 'open' | 'closed' = 'opening'
    const timer = setTimeout(() => { end('no answer to the handshake') }, connectTimeoutMs)

    function end (reason: string): void {
      if (state === 'closed') return
      const wasOpen = state === 'open'
      state = 'closed'
      clearTimeout(timer)
      ws.terminate()
      for (const fail of failures) fail(new Error(`the socket has closed: ${reason}`))
      if (wasOpen) onClosed?.(reason)
      else reject(new Error(`the socket was not opened: ${reason}`))
    }

    const socket: RawSocket = {
      ask: async (event, json) => await new Promise((resolve, reject) => {
        if (state !== 'open') { reject(new Error('the socket is not open')); return }
        const id = String(nextId++)
        const settle = (): void => {
          answers.delete(id)
          failures.delete(fail)
        }
        const fail = (error: Error): void => {
          settle()
          reject(error)
        }
        answers.set(id, text => {
          settle()
          resolve(text)
        })
        failures.add(fail)
        ws.send(`42${id}["${event}",${json}]`)
      }),
      get isOpen () { return state === 'open' },
      close: () => {
        clearTimeout(timer)
        state = 'closed'
        ws.close()
        for (const fail of failures) fail(new Error('the socket was closed'))
      }
    }

    ws.on('message', (data: Buffer) => {
      if (state === 'closed') return
      const text = data.toString()
      switch (text.charAt(0)) {
        case '0': ws.send(`40${JSON.stringify(auth)}`); return
        case '1': end('by the server'); return
        case '2': ws.send('3'); return
        case '4': message(text)
      }
    })
    ws.on('error', error => { end(error.message) })
    ws.on('close', (code: number) => { end(`code ${code}`) })

    function message (text: string): void {
      switch (text.charAt(1)) {
        case '0':
          clearTimeout(timer)
          state = 'open'
          resolve(socket)
          return
        case '1': end('by the server'); return
        case '2': {
          const name = text.indexOf('"', 4)
          onEvent(text.slice(4, name), text.slice(name + 2, -1))
          return
        }
        case '3': {
          const bracket = text.indexOf('[')
          answers.get(text.slice(2, bracket))?.(text.slice(bracket))
          return
        }
        case '4': end(`refused: ${text.slice(2)}`)
      }
    }
  })
}
