/**
 * HTTP/1.1 as bytes: whatever a caller writes goes out as it is, also what no client library would send. Many requests
 * at once over a few connections that are kept.
 */
import { connect, type Socket } from 'node:net'

export interface WireRequest {
  readonly method: string
  /** Goes out byte by byte as latin1. */
  readonly path: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body?: Buffer | undefined
  /** So broken that the next one on the same connection may be taken for a part of it. */
  readonly isLast?: boolean
}

export interface WireAnswer {
  /** 0: the connection was closed without an answer; -1: there was none in time. */
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

export interface HttpWire {
  ask: (request: WireRequest) => Promise<WireAnswer>
  close: () => void
}

const maxAnswerMs = 30_000

interface Waiting { readonly bytes: Buffer, readonly isHead: boolean, readonly isLast: boolean, readonly resolve: (answer: WireAnswer) => void }
interface Line { socket: Socket, current: Waiting | undefined, received: Buffer, timer: NodeJS.Timeout | undefined }

const noAnswer = (status: 0 | -1): WireAnswer => ({ status, headers: new Map(), text: '' })

export function toBytes ({ method, path, headers, body }: WireRequest): Buffer {
  const names = new Set(headers.map(([name]) => name.toLowerCase()))
  const length = body === undefined || names.has('content-length') || names.has('transfer-encoding') ? [] : [['content-length', String(body.length)] as const]
  const host = names.has('host') ? [] : [['host', 'localhost'] as const]
  const lines = [...host, ...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`, 'latin1'), body ?? Buffer.alloc(0)])
}

export function createHttpWire (base: string, maxLines = 24): HttpWire {
  const { hostname, port, pathname } = new URL(base)
  const under = pathname.replace(/\/$/, '')
  const queue: Waiting[] = []
  const idle: Line[] = []
  const lines = new Set<Line>()

  function settle (line: Line, answer: WireAnswer, keep: boolean): void {
    clearTimeout(line.timer)
    const { current } = line
    line.current = undefined
    if (keep) idle.push(line)
    else drop(line)
    current?.resolve(answer)
    next()
  }

  function drop (line: Line): void {
    lines.delete(line)
    line.socket.destroy()
  }

  function open (): Line {
    const socket = connect(Number(port), hostname)
    const line: Line = { socket, current: undefined, received: Buffer.alloc(0), timer: undefined }
    socket.setNoDelay(true)
    socket.on('data', chunk => {
      line.received = line.received.length === 0 ? chunk : Buffer.concat([line.received, chunk])
      read(line)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      const at = idle.indexOf(line)
      if (at >= 0) idle.splice(at, 1)
      if (line.current !== undefined) settle(line, noAnswer(0), false)
      else lines.delete(line)
    })
    lines.add(line)
    return line
  }

  function read (line: Line): void {
    const { current } = line
    if (current === undefined) { drop(line); return } // bytes that nobody asked for: a 408, or the end of a broken request
    const parsed = parseAnswer(line.received, current.isHead)
    if (parsed === undefined) return
    line.received = line.received.subarray(parsed.bytes)
    settle(line, parsed.answer, parsed.answer.headers.get('connection') !== 'close' && line.received.length === 0 && !current.isLast)
  }

  function next (): void {
    while (queue.length > 0 && (idle.length > 0 || lines.size < maxLines)) {
      const line = idle.pop() ?? open()
      const waiting = queue.shift()!
      line.current = waiting
      line.received = Buffer.alloc(0)
      line.timer = setTimeout(() => { settle(line, noAnswer(-1), false) }, maxAnswerMs)
      line.socket.write(waiting.bytes)
    }
  }

  return {
    ask: async request => await new Promise(resolve => {
      queue.push({ bytes: toBytes({ ...request, path: under + request.path }), isHead: request.method === 'HEAD', isLast: request.isLast === true, resolve })
      next()
    }),
    close: () => { for (const line of lines) line.socket.destroy() }
  }
}

/** The first whole answer in these bytes; undefined while there is none. */
export function parseAnswer (bytes: Buffer, isHead: boolean): { answer: WireAnswer, bytes: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? -1)
  const start = end + 4
  if (status >= 100 && status < 200 && status !== 101) {
    const rest = parseAnswer(bytes.subarray(start), isHead)
    return rest === undefined ? undefined : { ...rest, bytes: rest.bytes + start }
  }
  const headers = new Map(lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
  if (isHead || status === 204 || status === 304) return { answer: { status, headers, text: '' }, bytes: start }
  if (headers.get('transfer-encoding') === 'chunked') return parseChunked(bytes, start, status, headers)
  const length = Number(headers.get('content-length') ?? 0)
  if (bytes.length < start + length) return undefined
  return { answer: { status, headers, text: bytes.toString('utf8', start, start + length) }, bytes: start + length }
}

function parseChunked (bytes: Buffer, start: number, status: number, headers: ReadonlyMap<string, string>): { answer: WireAnswer, bytes: number } | undefined {
  const chunks: Buffer[] = []
  for (let at = start; ;) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = parseInt(bytes.toString('latin1', at, end), 16)
    if (bytes.length < end + 2 + size + 2) return undefined
    chunks.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
    if (size === 0) return { answer: { status, headers, text: Buffer.concat(chunks).toString() }, bytes: at }
  }
}
