import { randomBytes } from 'node:crypto'
import { Socket } from 'node:net'
import t from 'tap'
import { entryKey, membershipKey, ownerRange } from '../../../shared/store/keys.js'
import { userStream } from '../../../shared/contract/names.js'
import { openMongodbStore } from '../../../shared/store/mongodb-store.js'
import { mongodbMissing, startMongodbServer } from '../../helpers/mongodb-server.js'
import { startTcpProxy } from '../../helpers/tcp-proxy.js'
import { allowed, until } from '../../helpers/until.js'
import { silentLog } from '../../helpers/mongodb-store.js'
import { message } from './store-contract.js'

const server = await startMongodbServer(t)
const skip = server === undefined ? mongodbMissing : server.name === 'given' ? 'cannot cut the link to a given server' : false
const freshStream = (): ReturnType<typeof userStream> => userStream(randomBytes(6).toString('hex'))

/** `directConnection`: or the driver would leave the proxy for the replica set's own address. */
function throughProxy (port: number): string {
  const url = new URL(server?.url ?? '')
  url.port = String(port)
  url.search = 'directConnection=true&serverSelectionTimeoutMS=500'
  return url.href
}

t.test('url - a malformed one is refused at once', async t => {
  await t.rejects(openMongodbStore({ url: 'mongodb://', log: silentLog }))
  await t.rejects(openMongodbStore({ url: 'http://127.0.0.1', log: silentLog }))
})

t.test('start - an unreachable server is retried with a line in the log each time, and used when it comes', { skip }, async t => {
  const proxy = await startTcpProxy(t, server?.port ?? 0)
  await proxy.cut()
  const lines: string[] = []
  const store = await openMongodbStore({ url: throughProxy(proxy.port), log: { ...silentLog, warn: (_: object, text: string) => { lines.push(text) } } })
  t.teardown(async () => { await store.close() })
  const stream = freshStream()
  t.equal(store.status().reachable, false)
  await t.rejects(store.get('entries', [entryKey(stream, 0)]), { code: 'GP_STORE_UNAVAILABLE' })
  await t.rejects(store.remove('entries', [entryKey(stream, 0)]), { code: 'GP_STORE_UNAVAILABLE' })
  t.match(await store.insertChains('entries', [[message(stream, 0, 1)], [message(stream, 1, 2), message(stream, 2, 3)]]),
    [{ stored: 0, stopped: 'refused' }, { stored: 0, stopped: 'refused' }], 'nothing was sent')
  t.same(await store.replace('entries', [{ was: 0, doc: message(stream, 0, 1) }, { was: undefined, doc: message(stream, 5, 6) }]), ['refused', 'refused'])
  await until('two lines', () => lines.length >= 2)
  await proxy.mend()
  await until('it is reachable', () => store.status().reachable)
  t.same(await store.range('entries', ownerRange(stream), { limit: 10 }), [], 'what was refused was not stored')
  t.same(await store.insertChains('entries', [[message(stream, 0, 1)]]), [{ stored: 1 }])
})

t.test('broken links - what was acknowledged is there, what was refused is not, and no chain is doubled', { skip }, async t => {
  const proxy = await startTcpProxy(t, server?.port ?? 0)
  const store = await openMongodbStore({ url: throughProxy(proxy.port), log: silentLog })
  const direct = await openMongodbStore({ url: server?.url ?? '', log: silentLog })
  t.teardown(async () => { await store.close(); await direct.close() })
  const outcomes = new Map<string, number>()
  const count = (name: string): void => { outcomes.set(name, (outcomes.get(name) ?? 0) + 1) }
  let isDone = false

  const breaking = (async () => {
    for (let round = 0; round < 6; round++) {
      const [stored, replaced] = [outcomes.get('stored') ?? 0, outcomes.get('replace done') ?? 0]
      // Cut while writes are under way, at another point each time.
      await until('some writes of each kind', () => (outcomes.get('stored') ?? 0) > stored + round && (outcomes.get('replace done') ?? 0) > replaced, 20_000, 1)
      await proxy.cut()
      await proxy.mend()
    }
    isDone = true
  })()

  const write = async (): Promise<void> => {
    const stream = freshStream()
    const isChain = stream.charCodeAt(2) % 2 === 0
    const stored: number[] = []
    const refused: number[] = []
    let head = 0
    while (!isDone) {
      const chain = isChain ? [message(stream, head, head + 1), message(stream, head + 1, head + 2)] : [message(stream, head, head + 1)]
      const [outcome] = await store.insertChains('entries', [chain])
      const reached = outcome?.stored ?? 0
      for (let at = 0; at < reached; at++) stored.push(head + at + 1)
      count(outcome?.stopped ?? 'stored')
      // Nobody else writes here: a taken key would be our own document, mistaken for another's.
      if (outcome?.stopped === 'exists') throw new Error('exists')
      head += reached
      if (outcome?.stopped === 'refused') refused.push(head + 1)
      if (outcome?.stopped === 'unknown') head = (await until('the head can be read', async () => await direct.lasts('entries', [ownerRange(stream)]).catch(() => undefined)))[0]?.seq ?? 0
      if (outcome?.stopped === 'refused') {
        const [there] = await direct.exist('entries', [entryKey(stream, head)])
        if (there === true) throw new Error('refused, but stored')
      }
    }
    const docs = await direct.range('entries', ownerRange(stream), { limit: 10_000 })
    const there = new Set(docs.map(doc => doc.seq))
    for (const seq of stored) if (!there.has(seq)) throw new Error(`acknowledged but gone: ${seq}`)
    if (docs.some((doc, at) => doc.seq !== at + 1)) throw new Error('a hole')
  }

  const update = async (): Promise<void> => {
    const key = membershipKey(freshStream(), 'g')
    let v = 0
    await direct.insertChains('state', [[{ key, v, purgeAt: null, text: '' }]])
    while (!isDone) {
      const [outcome] = await store.replace('state', [{ was: v, doc: { key, v: v + 1, purgeAt: null, text: `${v + 1}` } }])
      count(`replace ${outcome ?? ''}`)
      // Nobody else replaces it: `changed` would be our own replacement, mistaken for another's.
      if (outcome === 'changed') throw new Error('changed')
      const [doc] = await direct.get('state', [key])
      if (outcome === 'done' && doc?.v !== v + 1) throw new Error('done, but not there')
      if (outcome === 'refused' && doc?.v !== v) throw new Error('refused, but stored')
      v = doc?.v ?? v
    }
  }

  await Promise.all([breaking, ...Array.from({ length: 6 }, write), ...Array.from({ length: 3 }, update)])
  t.comment(Object.fromEntries(outcomes))
  t.ok((outcomes.get('stored') ?? 0) > 10)
  t.ok((outcomes.get('replace done') ?? 0) > 3)
})

t.test('frozen link - a write is unknown, a read rejects in the end, and both work again when it thaws', { skip }, async t => {
  const proxy = await startTcpProxy(t, server?.port ?? 0)
  const store = await openMongodbStore({ url: throughProxy(proxy.port) + '&socketTimeoutMS=800&heartbeatFrequencyMS=500&connectTimeoutMS=800', log: silentLog })
  t.teardown(async () => { proxy.thaw(); await store.close() })
  const stream = freshStream()
  t.same(await store.insertChains('entries', [[message(stream, 0, 1)]]), [{ stored: 1 }])
  proxy.freeze()
  // Alone, so that it goes out on the connection that is open already.
  t.match(await store.insertChains('entries', [[message(stream, 1, 2)]]), [{ stored: 0, stopped: 'unknown' }])
  await t.rejects(store.get('entries', [entryKey(stream, 0)]), { code: 'GP_STORE_UNAVAILABLE' })
  proxy.thaw()
  const docs = await until('it can be read', async () => await store.range('entries', ownerRange(stream), { limit: 9 }).catch(() => undefined))
  t.ok([1, 2].includes(docs.length))
})

t.test('frozen link - whatever the servers do, every call has its answer well before an append is given up', { skip }, async t => {
  const proxy = await startTcpProxy(t, server?.port ?? 0)
  const store = await openMongodbStore({ url: throughProxy(proxy.port).replace('&serverSelectionTimeoutMS=500', ''), log: silentLog })
  t.teardown(async () => { proxy.thaw(); await store.close() })
  const [stream, other] = [freshStream(), freshStream()]
  const key = membershipKey(stream, 'g')
  await store.insertChains('entries', [[message(stream, 0, 1)]])
  await store.insertChains('state', [[{ key, v: 0, purgeAt: null, text: '' }]])
  proxy.freeze()
  const timed = async <T>(work: Promise<T>): Promise<{ answer: T | undefined, ms: number }> => {
    const start = performance.now()
    const answer = await work.catch(() => undefined)
    return { answer, ms: performance.now() - start }
  }
  // Takes the one connection that is open, before others want one.
  const first = timed(store.insertChains('entries', [[message(stream, 1, 2)]]))
  await new Promise(resolve => setTimeout(resolve, 50))
  const [single, chain, replaced, ...others] = await Promise.all([
    first,
    timed(store.insertChains('entries', [[message(other, 0, 1), message(other, 1, 2)]])),
    timed(store.replace('state', [{ was: 0, doc: { key, v: 1, purgeAt: null, text: '1' } }])),
    timed(store.get('entries', [entryKey(stream, 0)])), timed(store.range('entries', ownerRange(stream), { limit: 5 })),
    timed(store.ranges('entries', [ownerRange(stream)], { limit: 5 })), timed(store.lasts('entries', [ownerRange(stream), ownerRange(other)])),
    timed(store.remove('claims', [key])), timed(store.timeMs())
  ])
  t.match(single.answer, [{ stored: 0, stopped: 'unknown' }])
  t.ok(['unknown', 'refused'].includes(chain.answer?.[0]?.stopped ?? ''))
  t.ok(['unknown', 'refused'].includes(replaced.answer?.[0] ?? ''))
  for (const { answer } of others) t.equal(answer, undefined)
  t.ok(Math.max(...[single, chain, replaced, ...others].map(({ ms }) => ms)) < allowed(7_000), 'within seconds')
})

t.test('hanging driver - a heartbeat that never ends, as where a server goes away the moment it is asked: the client is made anew', { skip }, async t => {
  const proxy = await startTcpProxy(t, server?.port ?? 0)
  const events: unknown[] = []
  const store = await openMongodbStore({
    url: throughProxy(proxy.port) + '&heartbeatFrequencyMS=500&connectTimeoutMS=500',
    log: { ...silentLog, warn: (fields: { event?: string }) => { events.push(fields.event) } }
  })
  t.teardown(async () => { await store.close() })
  const stream = freshStream()
  t.same(await store.insertChains('entries', [[message(stream, 0, 1)]]), [{ stored: 1 }])

  // A greeting on a link that is open already is the monitor's; its socket has just ended.
  const { write } = Socket.prototype
  t.teardown(() => { Socket.prototype.write = write })
  const isHeartbeat = (data: Uint8Array | string): boolean => /is[mM]aster|hello/.test(Buffer.from(data as Uint8Array).toString('latin1')) && !Buffer.from(data as Uint8Array).includes('client')
  let ended = 0
  Socket.prototype.write = function (this: Socket, data: Uint8Array | string, ...rest: never[]) {
    if (ended === 0 && this.remotePort === proxy.port && isHeartbeat(data)) {
      ended++
      this.destroy()
    }
    return write.call(this, data, ...rest)
  }
  await until('a heartbeat hangs', () => ended === 1)
  // A command that breaks off: now the driver takes the server for lost.
  proxy.freeze()
  const broken = store.insertChains('entries', [[message(stream, 1, 2)]])
  await new Promise(resolve => setTimeout(resolve, 50))
  await proxy.cut()
  proxy.thaw()
  t.match(await broken, [{ stored: 0, stopped: 'unknown' }], 'and nobody finds it')
  await until('made anew', () => events.includes('mongodb-client-renewed'))
  // The server stays away for longer than the new client waits for one at its first connection.
  t.match(await store.insertChains('entries', [[message(freshStream(), 0, 1)]]), [{ stored: 0 }])
  await proxy.mend()
  await until('stored again', async () => (await store.insertChains('entries', [[message(freshStream(), 0, 1)]]))[0]?.stored === 1)
  t.equal(store.status().reachable, true)
})
