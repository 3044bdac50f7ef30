/** Whole nodes by interest over a real nats-server: sockets come and go and NATS breaks while mail flows, and nothing is lost or doubled. */
import t, { type Test } from 'tap'
import { createSilentLog } from '../../../shared/platform/log.js'
import { createNatsBus } from '../../../services/dispatch/buses/nats-bus.js'
import { startNodes, type NodesOnOneStore } from '../../helpers/in-process-nodes.js'
import { findNatsServer, natsMissing, startNatsServer, type NatsServer } from '../../helpers/nats-server.js'
import { checkChain, openSocket, type RawSocket, type Session } from '../../helpers/raw-client.js'
import { startTcpProxy, type TcpProxy } from '../../helpers/tcp-proxy.js'
import { until } from '../../helpers/until.js'

const natsSkip = await findNatsServer() === undefined ? { skip: natsMissing } : {}
t.setTimeout(180_000)

interface Site extends NodesOnOneStore { server: NatsServer, links: Record<string, TcpProxy> }
interface SiteOptions { byBroadcast?: readonly string[], /** By default one for all. */ portOf?: (name: string) => number }

async function startSite (t: Test, names: readonly string[], { byBroadcast = [], portOf }: SiteOptions = {}): Promise<Site> {
  const server = await startNatsServer(t)
  const links: Record<string, TcpProxy> = {}
  const nodes = await startNodes(t, names, {
    modeOf: name => byBroadcast.includes(name) ? 'broadcast' : 'interest',
    connect: async name => {
      const link = links[name] = await startTcpProxy(t, portOf?.(name) ?? server.port)
      const bus = createNatsBus({ url: `nats://127.0.0.1:${link.port}`, name, role: 'node', log: createSilentLog() })
      t.teardown(async () => { await bus.close() })
      return bus
    }
  })
  return { ...nodes, server, links }
}

/** Mail without end, one after the other, until it is stopped, and one more, which every socket that is open by then gets; gives how many there were. */
function flow (from: Session, users: readonly string[]): { readonly sent: number, stop: () => Promise<number> } {
  let sent = 0
  let isStopped = false
  const send = async (): Promise<unknown> => await from.send({ to: { users }, title: `m${sent++}` })
  const done = (async () => { while (!isStopped) await send() })()
  return { get sent () { return sent }, stop: async () => { isStopped = true; await done; await send(); return sent } }
}

/** Everything up to the last one has come, in one chain from where the socket began. */
async function holdsAll (t: Test, socket: RawSocket, sent: number, where: string): Promise<void> {
  const stream = `u:${socket.session.user}`
  await socket.message(`m${sent - 1}`, 20_000)
  const from = socket.ready.heads[stream] ?? 0
  const chain = checkChain(t, socket.entries, stream, from, where)
  const titles = socket.titles(stream)
  t.equal(new Set(titles).size, titles.length, `${where}: each once`)
  t.equal(chain.length, titles.length, `${where}: and nothing else`)
  const first = Number(titles[0]?.slice(1))
  t.same(titles, Array.from({ length: sent - first }, (_, i) => `m${first + i}`), `${where}: none left out`)
}

void t.test('interest - sockets arrive on every node while mail flows: what each is sent goes on from its head', natsSkip, async t => {
  const { session, userOf } = await startSite(t, ['n1', 'n2', 'n3'])
  const users = ['n1', 'n2', 'n3'].map(node => userOf(node, 'ann'))
  const mail = flow(session('bob', 'n1'), users)
  const sockets: RawSocket[] = []
  for (let round = 0; round < 3; round++) {
    for (const user of users) {
      for (const node of ['n2', 'n3']) sockets.push(await openSocket(t, session(user, node)))
    }
    // A user who has left a node and comes back finds its arc still subscribed to, or subscribed to anew.
    for (const socket of sockets.splice(0, 2)) socket.close()
  }
  const sent = await mail.stop()
  for (const socket of sockets) await holdsAll(t, socket, sent, `${socket.session.user} at ${socket.session.node.id}`)
})

void t.test('interest - NATS is cut for one node, then ends and is back, while mail flows: all comes within 3 s of its return', natsSkip, async t => {
  const { session, userOf, links, server } = await startSite(t, ['n1', 'n2'])
  const ann = userOf('n1', 'ann')
  const near = await openSocket(t, session(ann, 'n1'))
  const far = await openSocket(t, session(ann, 'n2'))
  const mail = flow(session('bob', 'n1'), [ann])
  await until('some have come', () => far.titles().length > 5)
  await links['n2']!.cut()
  const atCut = mail.sent
  await until('more are stored', () => mail.sent > atCut + 20)
  await links['n2']!.mend()
  await far.message(`m${mail.sent}`, 10_000)
  await server.kill()
  const atKill = mail.sent
  await until('more are stored without NATS', () => mail.sent > atKill + 20)
  const sent = await mail.stop()
  await server.restart()
  const backAtMs = Date.now()
  await far.message(`m${sent - 1}`, 10_000)
  t.ok(Date.now() - backAtMs < 3_000, `${Date.now() - backAtMs} ms after NATS was back`)
  const late = await openSocket(t, session(ann, 'n2'))
  await session('bob', 'n1').send({ to: { user: ann }, title: 'after' })
  for (const socket of [near, far, late]) await socket.message('after', 5_000)
  for (const socket of [near, far]) {
    t.equal(checkChain(t, socket.entries, `u:${ann}`, 0).length, sent + 1)
    t.equal(new Set(socket.titles()).size, sent + 1)
  }
})

void t.test('interest - a node by broadcast beside two by interest, then gone: mail goes on in both ways', natsSkip, async t => {
  const { session, userOf, nodes } = await startSite(t, ['n1', 'n2', 'old'], { byBroadcast: ['old'] })
  const ann = userOf('n1', 'ann')
  const sockets = await Promise.all(['n1', 'n2'].map(async node => await openSocket(t, session(ann, node))))
  const atOld = await openSocket(t, session(ann, 'old'))
  const mail = flow(session('bob', 'n1'), [ann])
  await atOld.message('m10')
  await nodes['old']!.close()
  const atEnd = mail.sent
  await until('more are stored', () => mail.sent > atEnd + 20)
  const sent = await mail.stop()
  for (const socket of sockets) await holdsAll(t, socket, sent, socket.session.node.id)
})

void t.test('interest - nodes at two servers of a NATS cluster, where a subscription reaches the other server late: what it misses comes within 3 s', natsSkip, async t => {
  const near = await startNatsServer(t, { config: 'cluster { name: both, listen: "127.0.0.1:-1", no_advertise: true }' })
  const away = await startNatsServer(t, { config: `cluster { name: both, listen: "127.0.0.1:-1", no_advertise: true, routes: ["${near.routeUrl}"] }` })
  const { session, userOf } = await startSite(t, ['n1', 'n2', 'n3'], { portOf: name => name === 'n1' ? near.port : away.port })
  const users = Array.from({ length: 12 }, (_, i) => userOf(`n${i % 3 + 1}`, `user ${i}`))
  const mail = flow(session('bob', 'n1'), users)
  const sockets: RawSocket[] = []
  for (const user of users) for (const node of ['n2', 'n3']) sockets.push(await openSocket(t, session(user, node)))
  const sent = await mail.stop()
  for (const socket of sockets) {
    await socket.message(`m${sent - 1}`, 3_000)
    await holdsAll(t, socket, sent, `${socket.session.user} at ${socket.session.node.id}`)
  }
})

void t.test('interest - links freeze and are cut, NATS ends and is back, sockets come and go, all while two nodes send: nothing is lost', natsSkip, async t => {
  const { session, userOf, links, server } = await startSite(t, ['n1', 'n2', 'n3'])
  const users = ['n1', 'n2', 'n3'].map(node => userOf(node, 'ann'))
  const flows = [flow(session('bob', 'n1'), [users[0]!]), flow(session('cid', 'n2'), [users[1]!])] as const
  const sockets: RawSocket[] = []
  const open = async (): Promise<void> => { for (const user of users.slice(0, 2)) for (const node of ['n1', 'n2', 'n3']) sockets.push(await openSocket(t, session(user, node))) }
  const goOn = async (): Promise<void> => {
    const before = flows.map(({ sent }) => sent)
    await until('mail goes on', () => flows.every(({ sent }, i) => sent > before[i]! + 5))
  }
  await open()
  const faults: ReadonlyArray<readonly [begin: () => unknown, end: () => unknown]> = [
    [() => { links['n1']!.freeze() }, () => { links['n1']!.thaw() }],
    [() => links['n3']!.cut(), () => links['n3']!.mend()],
    [() => { links['n3']!.mute() }, () => { links['n3']!.thaw() }],
    [() => server.kill(), () => server.restart()],
    [() => { links['n3']!.freeze(); return links['n2']!.cut() }, () => { links['n3']!.thaw(); return links['n2']!.mend() }]
  ]
  for (const [begin, end] of faults) {
    await begin()
    await goOn()
    sockets.shift()!.close()
    await open()
    await end()
    await goOn()
  }
  const sent = [await flows[0].stop(), await flows[1].stop()]
  for (const socket of sockets) await holdsAll(t, socket, sent[users.indexOf(socket.session.user)]!, `${socket.session.user} at ${socket.session.node.id}`)
})
