/**
 * Connections that say nothing, too much, or do not listen; many at once. A node's memory stays bounded, and a user who behaves
 * gets every message meanwhile, in order. GATEPOST_TEST_HOSTILE=10000 for ten thousand clients at once.
 */
import { connect, type Socket } from 'node:net'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { startEmbedded } from '../helpers/deployment.js'
import { assign, openSocket, producerOf, request, type RawSocket, type Session } from '../helpers/raw-client.js'
import { startTcpProxy } from '../helpers/tcp-proxy.js'
import { resign } from '../helpers/tokens.js'
import { until } from '../helpers/until.js'
import { roundsWanted } from './site.js'
import { openLine, type SocketLine } from './socket-wire.js'

const isLong = roundsWanted >= 10_000
const clientsAtOnce = isLong ? 10_000 : 1000
t.setTimeout(isLong ? 2_400_000 : 1_000_000)

// One node: the bystander is on the one that is flooded.
const site = await startEmbedded(t, { nodes: 1, settings: { GATEPOST_RATE_USER: '0', GATEPOST_SOCKETS_PER_USER: '100000' } })
const producer = producerOf(site)
const bystanderSession = await assign(site, 'bystander')
const { url } = bystanderSession.node
const under = new URL(url).pathname.replace(/\/$/, '')
const bystander: RawSocket = await openSocket(t, bystanderSession)
const MiB = 1 << 20
let sent = 0
const root = t

/** Tickets are made here: asking Gate for each would be another test. */
const ticketOf = (user: string): string => resign(bystanderSession.ticket, { sub: user, jti: randomBytes(4).toString('hex') }, site.secret)
const rss = async (): Promise<number> => (await request(site.gate, 'GET', `/gate/nodes/${bystanderSession.node.id}`, { token: site.adminToken() })).body.rssBytes as number
const socketsOf = async (user: string): Promise<number> => (await producer.call('GET', `/gate/users/${user}/presence`)).body.sockets as number

async function join (t: Test, user: string, nodeUrl = url): Promise<SocketLine> {
  const line = await openLine(nodeUrl)
  t.teardown(() => { line.close() })
  const first = await line.join(JSON.stringify({ ticket: ticketOf(user) }))
  if (first?.startsWith('42["ready"') !== true) throw new Error(`not ready: ${first}`)
  return line
}

/** Runs an attack; fails where the node's memory grew by more (its young generation alone may take 192 MiB), or where the bystander missed anything or got it out of order. */
async function unharmedBy (t: Test, maxGrowthMiB: number, attack: () => Promise<void>): Promise<void> {
  const before = await rss()
  let peak = before
  let isOver = false
  const first = sent
  const sending = (async () => {
    while (!isOver || sent < first + 10) {
      await producer.send({ to: { user: 'bystander' }, title: `b${sent++}` })
      peak = Math.max(peak, await rss())
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  })()
  try { await attack() } finally { isOver = true }
  await sending
  await bystander.message(`b${sent - 1}`)
  t.same(bystander.titles('u:bystander'), Array.from({ length: sent }, (_, i) => `b${i}`), 'the bystander has every message, in order')
  t.equal(bystander.closed(), undefined)
  const growthMiB = Math.round((peak - before) / MiB)
  t.comment(`memory from ${Math.round(before / MiB)} MiB by at most ${growthMiB} MiB`)
  t.ok(growthMiB < maxGrowthMiB, 'bounded memory', { growthMiB, maxGrowthMiB })
}

/** A WebSocket over bytes of one's own; what came, until it was closed. */
async function openRaw (t: Test): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  socket.write(`GET ${under}/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n`)
  await new Promise(resolve => socket.once('data', resolve))
  return socket
}
const isEnded = async (socket: Socket): Promise<void> => { await until('closed', () => { socket.resume(); return socket.destroyed || socket.readableEnded }, 20_000) }

// These two are over when the heartbeats say so, which other tests need not wait for.
const silentSince = performance.now()
const quiet: Socket[] = []
root.teardown(() => { for (const socket of quiet) socket.destroy() })

t.test('floods - connections that say nothing, at any stage', async t => {
  const count = 200
  await unharmedBy(t, 250, async () => {
    const { hostname, port } = new URL(url)
    for (let i = 0; i < count; i++) {
      quiet.push(connect(Number(port), hostname).on('error', () => {}).resume())
      quiet.push(connect(Number(port), hostname, function (this: Socket) { this.write(`POST ${under}/messages HTTP/1.1\r\nhost: x\r\ncontent-le`) }).on('error', () => {}).resume())
    }
    const unjoined = await Promise.all(Array.from({ length: count }, async () => await openLine(url)))
    for (let i = 0; i < count; i++) {
      const line = await join(root, 'silent')
      // Answers no ping any more.
      line.socket.removeAllListeners('message')
    }
    await until('who does not join is closed', () => unjoined.every(line => !line.isOpen()), 120_000)
    t.equal(await socketsOf('silent'), count)
  })
})

t.test('floods - half-open connections: the other side is gone without a word', async t => {
  // It stays frozen until the end of the file.
  const proxy = await startTcpProxy(root, Number(new URL(url).port))
  await unharmedBy(t, 250, async () => {
    for (let i = 0; i < 50; i++) await join(root, 'gone', `http://127.0.0.1:${proxy.port}${under}`)
    proxy.freeze()
    const results = await producer.sendAll(Array.from({ length: 100 }, (_, i) => ({ to: { user: 'gone' }, title: `g${i}`, body: 'x'.repeat(30_000) })))
    t.ok(results.every(({ status }) => status === 201), 'they are stored for it')
  })
})

t.test('floods - bytes that are no WebSocket frames', async t => {
  const header = (...bytes: number[]): Buffer => Buffer.from(bytes)
  const kinds: Record<string, Buffer> = {
    'not masked': header(0x81, 0x01, 0x78),
    'reserved bits': header(0xf1, 0x81, 0, 0, 0, 0, 0x78),
    'an unknown opcode': header(0x83, 0x80, 0, 0, 0, 0),
    'a length of 2^63': header(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    'a length of a GiB': header(0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0),
    'a long ping': Buffer.concat([header(0x89, 0xfe, 0x10, 0x00, 0, 0, 0, 0), Buffer.alloc(4096)]),
    'a part of nothing': header(0x80, 0x81, 0, 0, 0, 0, 0x78),
    'text that is no UTF-8': header(0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe),
    'a close of one byte': header(0x88, 0x81, 0, 0, 0, 0, 0x03),
    'a close for no reason that there is': header(0x88, 0x82, 0, 0, 0, 0, 0x00, 0x01),
    'compression that was not agreed': header(0xc1, 0x81, 0, 0, 0, 0, 0x78),
    'a second beginning': header(0x01, 0x81, 0, 0, 0, 0, 0x78, 0x01, 0x81, 0, 0, 0, 0, 0x78),
    'HTTP again': Buffer.from('GET / HTTP/1.1\r\n\r\n')
  }
  await unharmedBy(t, 250, async () => {
    await Promise.all(Object.entries(kinds).flatMap(([kind, bytes]) => Array.from({ length: 10 }, async () => {
      const socket = await openRaw(t)
      socket.write(bytes)
      await isEnded(socket).catch(() => t.fail(`${kind} is kept`))
    })))
    // A message in parts that never ends, 8 MiB of it: over the limit of one message.
    const socket = await openRaw(t)
    socket.write(header(0x01, 0x81, 0, 0, 0, 0, 0x34))
    const part = Buffer.concat([header(0x00, 0xfe, 0xff, 0xff, 0, 0, 0, 0), Buffer.alloc(65_535, 'x')])
    for (let i = 0; i < 128 && !socket.destroyed; i++) socket.write(part)
    await isEnded(socket)
  })
})

t.test('floods - one connection, many handshakes', async t => {
  await unharmedBy(t, 250, async () => {
    const line = await openLine(url)
    t.teardown(() => { line.close() })
    const auth = JSON.stringify({ ticket: ticketOf('twice'), cursors: {} })
    line.write(...Array.from({ length: 2000 }, () => `40${auth}`))
    await until('it is closed', () => !line.isOpen())
    await until('none of them is left', async () => await socketsOf('twice') === 0)
    t.ok(line.received.filter(packet => packet.startsWith('42["ready"')).length <= 1, 'one at most was opened')

    const leaving = await join(t, 'twice')
    leaving.write('41')
    await until('who leaves is closed', () => !leaving.isOpen())

    const elsewhere = await join(t, 'twice')
    elsewhere.write(...Array.from({ length: 5000 }, (_, i) => `40/${i}-${'n'.repeat(200)},{}`))
    await until('who asks for namespaces again and again is closed', () => !elsewhere.isOpen())
    t.ok(elsewhere.received.length < 50, 'and has few answers', { answers: elsewhere.received.length })
    const long = await join(t, 'twice')
    long.write(`40/${'n'.repeat(500_000)},{}`)
    await until('as is who asks for a long one', () => !long.isOpen())
  })
  t.notMatch(site.log(), /MaxListenersExceededWarning/)
})

t.test('floods - pings without an end from who does not read', async t => {
  await unharmedBy(t, 250, async () => {
    const lines = await Promise.all(Array.from({ length: 2 }, async () => await join(t, 'pinger')))
    for (const line of lines) line.socket.pause()
    const payload = Buffer.alloc(125)
    for (let round = 0; round < 24; round++) {
      for (const line of lines) for (let i = 0; i < 5000 && line.isOpen(); i++) line.socket.ping(payload)
      await new Promise(resolve => setImmediate(resolve))
    }
    await until('nobody answers them any more', async () => await socketsOf('pinger') === 0)
  })
})

t.test('floods - syncs and subscribes from who reads no answer', async t => {
  const body = 'x'.repeat(60_000)
  await producer.sendAll(Array.from({ length: 60 }, (_, i) => ({ to: { user: 'flooder' }, title: `f${i}`, body })))
  await unharmedBy(t, 450, async () => {
    const lines = await Promise.all(Array.from({ length: 6 }, async () => await join(t, 'flooder')))
    for (const line of lines) {
      line.socket.pause()
      // Answers of half a MiB each, more than the system's buffers hold; then 60 MB of requests.
      line.write(...Array.from({ length: 30 }, (_, i) => `42${i}["sync",{"cursors":{"u:flooder":0},"limit":1000}]`))
      const topics = JSON.stringify(Array.from({ length: 990 }, (_, i) => `${i}-${'t'.repeat(120)}🦆🦆`))
      line.write(...Array.from({ length: 200 }, (_, i) => `42${100 + i}["subscribe",{"topics":${topics},"more":"${'y'.repeat(150_000)}"}]`))
    }
    let stillSince = performance.now()
    let left = Infinity
    await until('the flood has come as far as it will', () => {
      const now = lines.reduce((sum, line) => sum + line.socket.bufferedAmount, 0)
      if (now !== left) stillSince = performance.now()
      left = now
      return performance.now() - stillSince > 2000
    })
    t.ok(lines.every(line => !line.isOpen() || line.socket.bufferedAmount > 10 * MiB), 'most of it waits on their side')
    // Who asks for little and never reads costs little.
    const many = await join(t, 'flooder')
    many.socket.pause()
    many.write(...Array.from({ length: 5000 }, (_, i) => `42${i}["sync",{"cursors":{"u:flooder":0},"limit":1000}]`))
    await until('it is read as slowly as it reads', () => many.socket.bufferedAmount === 0 || !many.isOpen())
    many.close()
    for (const line of lines) line.close()
    await until('gone', async () => await socketsOf('flooder') === 0)
  })
})

t.test('floods - many who do not read what is pushed', async t => {
  await unharmedBy(t, 400, async () => {
    const lines = await Promise.all(Array.from({ length: 100 }, async () => await join(t, 'deaf')))
    for (const line of lines) line.socket.pause()
    for (let i = 0; i < 4; i++) {
      const results = await producer.sendAll(Array.from({ length: 100 }, (_, k) => ({ to: { user: 'deaf' }, title: `d${i}.${k}`, body: 'z'.repeat(60_000) })))
      t.ok(results.every(({ status }) => status === 201))
    }
    // 24 MB for each of them.
    for (const line of lines) line.close()
    await until('gone', async () => await socketsOf('deaf') === 0)
  })
})

t.test('floods - many pages asked for over HTTP and not read', async t => {
  const { hostname, port } = new URL(url)
  const session = await assign(site, 'deaf')
  const sockets: Socket[] = []
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  await unharmedBy(t, 500, async () => {
    for (let i = 0; i < 100; i++) {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      socket.pause()
      // 12 MB each.
      socket.write(`GET ${under}/messages?limit=200 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${session.ticket}\r\n\r\n`)
      sockets.push(socket)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    const other = await assign(site, 'somebody-else')
    t.equal((await other.call('GET', '/messages?limit=200')).status, 200, 'another user is served')
    for (const socket of sockets) socket.destroy()
    await until('the same user is served again', async () => (await session.call('GET', '/messages?limit=200')).status === 200)
  })
})

t.test(`floods - ${clientsAtOnce} clients connect at once`, { timeout: 900_000 }, async t => {
  const lines: SocketLine[] = []
  t.teardown(() => { for (const line of lines) line.close() })
  await unharmedBy(t, 250 + Math.round(clientsAtOnce * 0.06), async () => {
    const begun = performance.now()
    const joined = await Promise.all(Array.from({ length: clientsAtOnce }, async (_, i) => {
      const auth = JSON.stringify({ ticket: ticketOf(`crowd-${i}`) })
      for (let tries = 0; ; tries++) {
        try {
          const line = await openLine(url)
          lines.push(line)
          return await line.join(auth)
        } catch (error) {
          // A connection that the system's queue had no room for: as any client does, again.
          if (tries >= 5) throw error
          await new Promise(resolve => setTimeout(resolve, 1000 * Math.random()))
        }
      }
    }))
    t.comment(`all of them after ${Math.round(performance.now() - begun)} ms`)
    t.equal(joined.filter(packet => packet?.startsWith('42["ready"') === true).length, clientsAtOnce, 'all are let in')
    await producer.send({ to: { all: true }, title: 'to the crowd' })
    await until('everybody has it', () => lines.every(line => line.received.some(packet => packet.includes('to the crowd'))), 240_000)
  })
  for (const line of lines) line.close()
  await until('all are gone', async () => (await request(site.gate, 'GET', `/gate/nodes/${bystanderSession.node.id}`, { token: site.adminToken() })).body.sockets < 1000)
})

t.test('floods - who was silent, or gone without a word, is closed in the end', { timeout: 800_000 }, async t => {
  await until('none of the silent is left', async () => await socketsOf('silent') === 0, 240_000)
  await until('none of those who were gone is left', async () => await socketsOf('gone') === 0, 240_000)
  t.comment(`after ${Math.round((performance.now() - silentSince) / 1000)} s`)
  // A request may take a minute to arrive, which is looked at every half minute.
  if (isLong) await until('nor of those who never sent a request', () => quiet.every(socket => socket.destroyed || socket.readableEnded), 300_000)
  const session: Session = await assign(site, 'gone')
  t.equal(await session.unread(), 101, 'what came meanwhile is there, and what all got')
  await unharmedBy(t, 100, async () => {})
  t.ok(site.isAlive())
  t.same(site.log().split('\n').filter(line => /"level":(?:50|60|"error"|"fatal")|Warning: /.test(line)), [], 'no line of level error in the log')
})
