/** The two ways in which a client speaks Socket.IO, over a real server: they behave alike. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import t, { type Test } from 'tap'
import { page } from '../helpers/page-globals.js'
import { openWire as byBrowser } from '../../clients/wire/browser-wire.js'
import type * as Library from '../../clients/wire/library-wire.js'
import type { OpenWire, Wire } from '../../clients/wire/wire.js'
import { until } from '../helpers/until.js'

// As built, and only now: the library looks once, when it is loaded, whether it is in a page.
const { openWire: byLibrary } = await import(new URL('../../clients/dist/wire/library-wire.js', import.meta.url).href) as typeof Library

interface Site {
  url: string
  server: Server
  /** Of each socket that was taken. */
  sockets: Socket[]
  heard: unknown[]
}

/** `refuse`: requests that something on the way answers by itself; `hang`: those that it swallows. */
async function startServer (t: Test, { refuse = () => false, ...options }: { refuse?: (request: IncomingMessage) => boolean } & Partial<ConstructorParameters<typeof Server>[1] & object> = {}): Promise<Site> {
  // A machine that stands still for seconds would find the connections of polling closed.
  const http = createServer({ keepAliveTimeout: 120_000 })
  const server = new Server(http, { path: '/some/socket.io', cors: { origin: '*' }, ...options })
  const taking = http.listeners('request') as Array<(...args: unknown[]) => void>
  const upgrading = http.listeners('upgrade') as Array<(...args: unknown[]) => void>
  http.removeAllListeners('request').removeAllListeners('upgrade')
  http.on('request', (request, response) => {
    if (refuse(request)) response.writeHead(403).end()
    else for (const listener of taking) listener(request, response)
  })
  http.on('upgrade', (request, socket, head) => {
    if (refuse(request)) socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    else for (const listener of upgrading) listener(request, socket, head)
  })
  const sockets: Socket[] = []
  const heard: unknown[] = []
  server.use((socket, next) => {
    if (socket.handshake.auth['ticket'] === 'good') return next()
    next(Object.assign(new Error('not this one'), { data: { code: 'GP_TOKEN_INVALID' } }))
  })
  server.on('connection', socket => {
    sockets.push(socket)
    // In ms: so long it waits for a client that polls no more.
    Object.assign(socket.conn.transport, { closeTimeout: 500 })
    socket.on('echo', (payload: unknown, answer: (payload: unknown) => void) => {
      heard.push(payload)
      answer({ got: payload })
    })
    socket.emit('ready', { hello: 'ünï' })
  })
  await new Promise<void>(resolve => { http.listen(0, '127.0.0.1', resolve) })
  t.teardown(async () => {
    http.closeAllConnections()
    await server.close()
  })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, server, sockets, heard }
}

interface Opened { wire: Wire, events: Array<[string, unknown]>, refusals: Array<{ message: string, data?: unknown }>, closings: string[] }

function open (t: Test, openWire: OpenWire, url: string, { isPollingFirst = false, ticket = 'good' } = {}): Opened {
  const opened = { events: [], refusals: [], closings: [] } as unknown as Opened
  opened.wire = openWire({ origin: url, path: '/some/socket.io', auth: { ticket }, isPollingFirst }, {
    onEvent: (name, payload) => { opened.events.push([name, payload]) },
    onRefused: error => { opened.refusals.push(error) },
    onClosed: reason => { opened.closings.push(reason) }
  })
  t.teardown(opened.wire.close)
  return opened
}
const transportOf = (site: Site): string | undefined => site.sockets.at(-1)?.conn.transport.name
/** Longer than a loaded machine takes. */
const patienceMs = 60_000
const isWebSocket = (request: IncomingMessage): boolean => request.headers.upgrade !== undefined

for (const [name, openWire] of Object.entries({ library: byLibrary, browser: byBrowser })) {
  t.test(`wire by ${name} - events and acknowledgements, in order, by each transport and across the change`, async t => {
    for (const [isPollingFirst, refuse, last] of [
      [false, undefined, 'websocket'],
      [true, undefined, 'websocket'],
      [false, isWebSocket, 'polling'],
      [true, isWebSocket, 'polling'],
      [true, (request: IncomingMessage) => !isWebSocket(request), 'websocket']
    ] as const) {
      const what = `${isPollingFirst ? 'polling' : 'WebSocket'} first, ends with ${last}`
      const site = await startServer(t, refuse === undefined ? {} : { refuse })
      const { wire, events, refusals, closings } = open(t, openWire, site.url, { isPollingFirst })
      await until('ready', () => events.length === 1)
      t.strictSame(events, [['ready', { hello: 'ünï' }]], what)
      t.equal(wire.isOpen, true)
      // While a WebSocket takes the place of polling.
      const count = 100
      const answers: Array<Promise<unknown>> = []
      for (let i = 0; i < count; i += 1) {
        answers.push(wire.request('echo', { i, text: '[1]{"é' }, patienceMs))
        site.sockets[0]?.emit('entries', i)
        if (i % 20 === 0) await new Promise(resolve => setImmediate(resolve))
      }
      t.strictSame(await Promise.all(answers), Array.from({ length: count }, (_, i) => ({ got: { i, text: '[1]{"é' } })), what)
      await until('all events', () => events.length === count + 1)
      t.strictSame(events.slice(1).map(([, i]) => i), Array.from({ length: count }, (_, i) => i), what)
      t.strictSame(site.heard.map(payload => (payload as { i: number }).i), Array.from({ length: count }, (_, i) => i), what)
      await until(what, () => transportOf(site) === last)
      t.strictSame(await wire.request('echo', 'after', patienceMs), { got: 'after' })
      wire.close()
      t.equal(wire.isOpen, false)
      await until('the server knows', () => site.server.engine.clientsCount === 0)
      t.strictSame([refusals, closings], [[], []], 'what one closes oneself is not told')
      await t.rejects(wire.request('echo', 1, 100))
    }
  })

  t.test(`wire by ${name} - refused, by the server and by the way to it`, async t => {
    const site = await startServer(t)
    const refused = open(t, openWire, site.url, { ticket: 'bad' })
    await until('refused', () => refused.refusals.length === 1)
    t.match(refused.refusals[0], { message: 'not this one', data: { code: 'GP_TOKEN_INVALID' } })
    await until('nothing is left open', () => site.server.engine.clientsCount === 0)
    const nowhere = await startServer(t, { refuse: () => true })
    for (const isPollingFirst of [true, false]) {
      const { refusals } = open(t, openWire, nowhere.url, { isPollingFirst })
      await until('refused', () => refusals.length === 1)
      t.equal(refusals[0]?.data, undefined)
    }
  })

  t.test(`wire by ${name} - the end: by the server, without pings, offline, cut; open requests fail`, async t => {
    const ways: Record<string, (site: Site) => void> = {
      'the server disconnects': ({ sockets }) => { sockets[0]?.disconnect() },
      'the server closes': ({ sockets }) => { sockets[0]?.conn.close() },
      offline: () => { page.dispatchEvent(new Event('offline')) },
      'no pings': ({ sockets }) => { Object.assign((sockets[0] as Socket).conn, { sendPacket () {} }) }
    }
    for (const [what, end] of Object.entries(ways)) {
      for (const refuse of [() => false, isWebSocket]) {
        const site = await startServer(t, { refuse, ...what === 'no pings' ? { pingInterval: 500, pingTimeout: 1_500 } : {} })
        const { wire, events, closings, refusals } = open(t, openWire, site.url)
        await until('ready', () => events.length === 1)
        const asked = t.rejects(wire.request('nobody answers', 1, 60_000), what)
        end(site)
        await until(what, () => {
          // A browser says so again for as long as it is.
          if (what === 'offline' && closings.length === 0) end(site)
          return closings.length === 1
        })
        await asked
        t.equal(wire.isOpen, false)
        t.strictSame(refusals, [])
      }
    }
  })

  t.test(`wire by ${name} - an acknowledgement that does not come in time; many large packets; closed while opening`, async t => {
    const site = await startServer(t, { refuse: isWebSocket, maxHttpBufferSize: 20_000 })
    const { wire, events, closings } = open(t, openWire, site.url)
    await until('ready', () => events.length === 1)
    await t.rejects(wire.request('nobody answers', 1, 50))
    const large = 'ä'.repeat(4_000)
    await Promise.all(Array.from({ length: 20 }, async () => await wire.request('echo', large, patienceMs)))
    t.strictSame(closings, [])
    const early = open(t, openWire, site.url)
    early.wire.close()
    await wire.request('echo', 1, patienceMs)
    t.strictSame([early.events, early.refusals, early.closings], [[], [], []])
  })
}
