/** The clients of one side: sockets that count what they get, and requests over connections that are kept. */
import { subscribe } from 'node:diagnostics_channel'
import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'
import { createHistogram } from '../../services/cli/bench/histogram.js'
import { paced } from '../../services/cli/bench/pace.js'
import { openRawSocket, type RawSocket } from '../../services/cli/bench/raw-socket.js'
import { draft, sharedNowMs } from './message.js'
import { serveParent } from './serve-parent.js'

const sockets: RawSocket[] = []
/** Deliveries of each message, by its number. */
let came = new Map<number, number>()
let total = 0
/** Events beside the messages: `unread`. */
let others = 0
let frames = 0
let latency = createHistogram()
let onDelivery = (): void => {}
/** All that this process has opened, and the bytes of those that are closed. */
const connections = new Set<Socket>()
let closedBytes = 0
const bytesOf = ({ bytesRead, bytesWritten }: Socket): number => bytesRead + bytesWritten
subscribe('net.client.socket', message => {
  const { socket } = message as { socket: Socket }
  connections.add(socket)
  socket.once('close', () => {
    connections.delete(socket)
    closedBytes += bytesOf(socket)
  })
})
/** Connections by what they are for: no user shares one with another node's. */
const agents = new Map<string, Agent>()

function agentOf (url: string): Agent {
  let agent = agents.get(url)
  if (agent === undefined) agents.set(url, agent = new Agent({ keepAlive: true, maxSockets: 256 }))
  return agent
}

interface Opening { url: string, auths: object[], waitsForReady: boolean, perSecond: number }
interface Requests { url: string, method: string, tokens: string[], bodies: Array<string | undefined>, inFlight: number, status: number, /** A new idempotency key with each. */ isKeyed?: boolean }

interface Marked { readonly n: number, readonly atMs: number }

/** The entries are the last argument: in form 2 of the socket behind their stream and where they begin, in form 1 alone. */
const entriesIn = (json: string): ReadonlyArray<{ data?: Marked | null }> => JSON.parse(`[${json}]`).at(-1)

/** Of one frame. */
function take (messages: ReadonlyArray<Marked | null | undefined>): void {
  const now = sharedNowMs()
  frames++
  for (const data of messages) {
    if (data === undefined || data === null) continue
    came.set(data.n, (came.get(data.n) ?? 0) + 1)
    total++
    if (data.atMs > 0) latency.add(now - data.atMs)
  }
  onDelivery()
}

async function ask (method: string, url: string, token: string | undefined, body: string | undefined, key?: string): Promise<{ status: number, text: string }> {
  return await new Promise((resolve, reject) => {
    const headers: Record<string, string | number> = {}
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    if (key !== undefined) headers['idempotency-key'] = key
    if (body !== undefined) Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    const outgoing = request(url, { agent: agentOf(url), method, headers }, incoming => {
      let text = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => { text += chunk })
      incoming.on('end', () => { resolve({ status: incoming.statusCode ?? 0, text }) })
      incoming.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

let nextNumber = 0
let nextKey = 0

serveParent({
  open: async ({ url, auths, waitsForReady, perSecond }: Opening) => {
    let ready = 0
    await paced({ perSecond, inFlight: 50 }, { count: auths.length }, async at => {
      await new Promise<void>((resolve, reject) => {
        openRawSocket({
          url,
          auth: auths[at]!,
          onEvent: (event, json) => {
            if (event === 'entries') take(entriesIn(json).map(({ data }) => data))
            else if (event === 'mail') take([JSON.parse(json) as Marked])
            else if (event === 'ready') {
              ready++
              resolve()
            } else others++
          },
          onClosed: reject
        }).then(socket => {
          sockets.push(socket)
          if (!waitsForReady) resolve()
        }, reject)
      })
    })
    return { sockets: sockets.length, ready }
  },

  /** Messages to all sockets, so many in flight: the next one goes when all sockets have one. */
  fanOut: async ({ url, token, to, messages, inFlight }: { url: string, token: string | undefined, to: object, messages: number, inFlight: number }) => {
    const othersBefore = others
    const framesBefore = frames
    latency = createHistogram()
    const waiting = new Map<number, () => void>()
    onDelivery = () => {
      for (const [n, done] of waiting) {
        if ((came.get(n) ?? 0) < sockets.length) continue
        waiting.delete(n)
        came.delete(n)
        done()
      }
    }
    await paced({ perSecond: 0, inFlight }, { count: messages }, async () => {
      const n = nextNumber++
      const delivered = new Promise<void>(resolve => { waiting.set(n, resolve) })
      const { status, text } = await ask('POST', url, token, JSON.stringify(draft(to, n, sharedNowMs())))
      if (status !== 201) throw new Error(`${status} ${text}`)
      await delivered
    })
    return { deliveries: messages * sockets.length, others: others - othersBefore, frames: frames - framesBefore, p50Ms: latency.quantile(0.5) }
  },

  requests: async ({ url, method, tokens, bodies, inFlight, status, isKeyed = false }: Requests) => {
    const count = Math.max(tokens.length, bodies.length)
    const times = createHistogram()
    await paced({ perSecond: 0, inFlight }, { count }, async at => {
      const begunMs = sharedNowMs()
      const answer = await ask(method, url, tokens[at % tokens.length], bodies[at % bodies.length], isKeyed ? String(nextKey++) : undefined)
      if (answer.status !== status || answer.text.includes('"code"')) throw new Error(`${answer.status} ${answer.text.slice(0, 500)}`)
      times.add(sharedNowMs() - begunMs)
    })
    return { count, p50Ms: times.quantile(0.5) }
  },

  /** Resolves once so many entries have come since the last `reset`. */
  came: async (count: number) => {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Error(`${total} of ${count} deliveries came`)) }, 60_000)
      onDelivery = () => {
        if (total < count) return
        clearTimeout(timer)
        resolve()
      }
      onDelivery()
    })
    return { total, p50Ms: latency.quantile(0.5), p99Ms: latency.quantile(0.99) }
  },
  /** All sockets, as whoever goes away. */
  closeAll: () => {
    for (const socket of sockets.splice(0)) socket.close()
  },
  /** Of TCP, both ways, since the start. */
  wireBytes: () => [...connections].reduce((sum, socket) => sum + bytesOf(socket), closedBytes),
  reset: () => {
    total = 0
    came = new Map()
    latency = createHistogram()
    onDelivery = () => {}
  }
})
