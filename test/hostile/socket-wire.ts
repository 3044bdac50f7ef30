/** Engine.IO and Socket.IO as text: whatever a caller writes goes out as it is, also what no client library would send. */
import { WebSocket } from 'ws'

export interface SocketLine {
  readonly socket: WebSocket
  readonly isOpen: () => boolean
  /** Packets of Socket.IO that came and are no acknowledgements. */
  readonly received: string[]
  /** Sends frames as they are. */
  write: (...frames: Array<string | Buffer>) => void
  /** Sends CONNECT with this text behind it; `ready`, the text of a refusal, or undefined where the connection was closed. */
  join: (auth: string) => Promise<string | undefined>
  /** An event by the text of its arguments; the text of the answer, or undefined where the connection was closed. */
  ask: (args: string, attachments?: readonly Buffer[]) => Promise<string | undefined>
  /** Resolves once everything written before was read by the other side, or the connection is closed. */
  read: () => Promise<void>
  close: () => void
}

const maxWaitMs = 20_000

/** Resolves once the WebSocket is open. */
export async function openLine (nodeUrl: string, query = 'EIO=4&transport=websocket'): Promise<SocketLine> {
  const socket = new WebSocket(`${nodeUrl.replace('http', 'ws')}/socket.io/?${query}`, { perMessageDeflate: false })
  const acks = new Map<number, (text: string | undefined) => void>()
  const received: string[] = []
  let onPacket: ((packet: string | undefined) => void) | undefined
  let lastId = 0
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    const text = isBinary ? '' : data.toString()
    if (text === '2') { socket.send('3'); return }
    if (!text.startsWith('4')) return
    const [, id = '', rest = ''] = /^43(\d+)(.*)$/s.exec(text) ?? []
    const answer = acks.get(Number(id))
    if (id !== '' && answer !== undefined) {
      acks.delete(Number(id))
      answer(rest)
      return
    }
    received.push(text)
    onPacket?.(text)
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    for (const answer of acks.values()) answer(undefined)
    acks.clear()
    onPacket?.(undefined)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('close', () => { reject(new Error('not opened')) })
  })
  const isOpen = (): boolean => socket.readyState === WebSocket.OPEN
  const inTime = async <T>(what: string, start: (resolve: (value: T) => void) => void): Promise<T> => await new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error(`no answer within ${maxWaitMs} ms: ${what.slice(0, 500)}`)) }, maxWaitMs)
    start(value => { clearTimeout(timer); resolve(value) })
  })
  const write: SocketLine['write'] = (...frames) => { if (isOpen()) for (const frame of frames) socket.send(frame) }
  return {
    socket,
    isOpen,
    received,
    write,
    join: async auth => await inTime(`40${auth}`, resolve => {
      if (!isOpen()) { resolve(undefined); return }
      onPacket = packet => {
        if (packet?.startsWith('40') === true) return
        onPacket = undefined
        resolve(packet)
      }
      write(`40${auth}`)
    }),
    ask: async (args, attachments = []) => await inTime(args, resolve => {
      if (!isOpen()) { resolve(undefined); return }
      const id = lastId++
      acks.set(id, resolve)
      write(`4${attachments.length === 0 ? '2' : `5${attachments.length}-`}${id}${args}`, ...attachments)
    }),
    read: async () => await inTime('a ping', resolve => {
      if (!isOpen()) { resolve(undefined); return }
      const done = (): void => { socket.off('pong', done).off('close', done); resolve(undefined) }
      socket.on('pong', done).on('close', done)
      socket.ping()
    }),
    close: () => { socket.terminate() }
  }
}
