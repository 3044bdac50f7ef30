/**
 * What an open socket is sent, without a socket: everything after its cursors, once and in order, whatever is lost, slow or away; and what
 * it takes part in: every stream that its user sees.
 */
import fc from 'fast-check'
import type { Socket } from 'socket.io'
import t from 'tap'
import { allStream, groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { Connection } from '../../../services/notifications/realtime/connection.js'
import { eventFrame, type Frame } from '../../../services/notifications/realtime/transport/frame.js'
import { maxWaitingBytes, SocketWriter } from '../../../services/notifications/realtime/transport/socket-writer.js'
import { startDelivery, type OpenConnection, type SentEntry } from '../../helpers/delivery.js'
import { entriesOfAnswer, forms } from '../../helpers/forms.js'
import { createUnreadTally } from '../../../clients/unread-tally.js'
import type { Entry, Ready, UnreadCount } from '../../../clients/protocol.js'
import { until } from '../../helpers/until.js'

const ann = 'ann' as UserId
const own = userStream(ann)
const club = 'club' as GroupId
const clubStream = groupStream(club)
const endOfTurn = async (): Promise<void> => { await new Promise(resolve => setImmediate(resolve)) }

t.test('connection - every entry after the cursors comes once and in order, whatever is lost, slow or away', async t => {
  const streams = [own, allStream, clubStream]
  const stream = fc.constantFrom(...streams)
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ type: fc.constantFrom('post', 'begin to post'), stream }) },
    fc.record({ type: fc.constantFrom('lose', 'hear', 'turn', 'fail', 'mend', 'check', 'fall behind and sync', 'open another'), stream })
  )
  let behinds = 0
  await fc.assert(fc.asyncProperty(fc.array(stream, { maxLength: 8 }), fc.array(fc.nat(8), { minLength: 3, maxLength: 3 }), fc.array(step, { maxLength: 40 }), fc.nat(3), async (before, taken, steps, lag) => {
    const teardowns: Array<() => void> = []
    const { store, hub, users, groups, heard, open, post } = startDelivery({ teardown: work => { teardowns.push(work) } })
    const { range } = store
    store.range = async (...args) => {
      const docs = await range(...args)
      for (let turns = lag; turns > 0; turns--) await endOfTurn()
      return docs
    }
    await groups.join(ann, club)
    const posted = new Map<StreamId, number[]>(streams.map(stream => [stream, []]))
    const write = async (to: StreamId): Promise<void> => { posted.get(to)!.push(await post(to)) }
    for (const to of before) await write(to)
    const cursors: Record<string, number> = { 'g:not mine': 7 }
    for (const [at, stream] of streams.entries()) {
      const had = posted.get(stream)!.slice(0, taken[at])
      if (had.length > 0) cursors[stream] = had.at(-1)!
    }
    const readers = [await open(ann, cursors, forms[lag % 2])]
    const sync = async ({ connection, transport }: OpenConnection): Promise<void> => {
      if (connection.state !== 'behind') return
      behinds++
      transport.isFull = false
      for (let more = true; more;) {
        const at: Record<string, number> = { ...cursors }
        for (const { stream, seq } of transport.entries()) at[stream] = seq
        const page = await connection.sync(at, 3)
        transport.events.push(['entries', entriesOfAnswer(page)])
        more = page.more
      }
    }
    const begun: Array<Promise<void>> = []
    for (const { type, stream } of steps) {
      switch (type) {
        case 'post': await write(stream); break
        case 'begin to post': begun.push(write(stream)); break
        case 'lose': case 'hear': heard.isHeard = type === 'hear'; break
        case 'turn': await endOfTurn(); break
        case 'fail': case 'mend': store.isAway = type === 'fail'; break
        case 'check': if (!store.isAway) await users.check(hub.get(own)!); break
        case 'open another': if (!store.isAway) readers.push(await open(ann, cursors, forms[readers.length % 2])); break
        case 'fall behind and sync':
          readers[0]!.transport.isFull = true
          await write(stream)
          await endOfTurn()
          if (!store.isAway) await sync(readers[0]!)
      }
    }
    heard.isHeard = true
    store.isAway = false
    await Promise.all(begun)
    for (const stream of streams) await write(stream)
    const got = ({ transport }: OpenConnection, stream: StreamId): number[] => transport.entries().filter(entry => entry.stream === stream && entry.type === 'message').map(({ seq }) => seq)
    for (const reader of readers) {
      reader.transport.isFull = false
      await until('the last of each', async () => {
        await sync(reader)
        return streams.every(stream => got(reader, stream).includes(Math.max(...posted.get(stream)!)))
      })
      for (const stream of streams) {
        const expected = posted.get(stream)!.filter(seq => seq > (cursors[stream] ?? 0)).sort((a, b) => a - b)
        if (got(reader, stream).join() !== expected.join()) throw new Error(`${stream}: got ${got(reader, stream).join()}; expected ${expected.join()}`)
      }
      reader.connection.close()
    }
    for (const end of teardowns) end()
  }), { numRuns: 100 })
  t.ok(behinds > 0, 'some fell behind')
})

/** What the client of a socket that counts along shows. */
function shownBy ({ transport: { events } }: OpenConnection): UnreadCount {
  const tally = createUnreadTally(events[0]![1] as Ready)
  let isLive = true
  for (const [event, payload] of events) {
    if (event === 'unread') tally.set(payload as UnreadCount)
    else if (event === 'entries' && isLive) tally.take(payload as Entry[])
    else if (event === 'page') isLive = true
    else if (event === 'behind') isLive = false
  }
  return tally.count
}

t.test('connection - what a client counts along is what there is to count, whatever is lost, slow, read elsewhere or joined late', async t => {
  const streams = [own, allStream, clubStream]
  const stream = fc.constantFrom(...streams)
  const step = fc.record({ type: fc.constantFrom('post', 'post', 'post', 'read', 'join', 'leave', 'lose', 'hear', 'turn', 'wait', 'open another', 'fall behind and sync'), stream })
  let corrections = 0
  await Promise.all(fc.sample(fc.array(step, { minLength: 5, maxLength: 40 }), { numRuns: 60, seed: 16 }).map(async (steps, run) => {
    const { hub, groups, heard, open, post, readTo, unreadOf } = startDelivery(t)
    const last: Record<string, number> = {}
    const write = async (to: StreamId): Promise<void> => { last[to] = await post(to) }
    for (const to of streams) await write(to)
    const readers = [await open(ann, run % 2 === 0 ? undefined : { [own]: 0 }, forms[0], true)]
    for (const { type, stream } of steps) {
      switch (type) {
        case 'post': await write(stream); break
        case 'read': await readTo(ann, { [stream]: last[stream]! }); break
        case 'join': await groups.join(ann, club); break
        case 'leave': await groups.leave(ann, club); break
        case 'lose': case 'hear': heard.isHeard = type === 'hear'; break
        case 'turn': await endOfTurn(); break
        // A number is sent after 50 ms.
        case 'wait': await new Promise(resolve => setTimeout(resolve, 60)); break
        case 'open another': readers.push(await open(ann, { [own]: 0 }, forms[readers.length % 2], true)); break
        case 'fall behind and sync': {
          const { connection, transport } = readers[0]!
          transport.isFull = true
          await write(stream)
          await endOfTurn()
          transport.isFull = false
          for (let more = connection.state === 'behind'; more;) {
            const page = await connection.sync(Object.fromEntries(transport.entries().map(({ stream, seq }) => [stream, seq])), 50)
            more = page.more
            if (!more) transport.events.push(['page', undefined])
          }
        }
      }
    }
    heard.isHeard = true
    // A stream whose next entry comes has read what was lost of it.
    for (const to of streams) await write(to)
    const exact = await unreadOf(ann)
    await until(`${run}: all show ${exact.unread}`, () => readers.every(reader => JSON.stringify(shownBy(reader)) === JSON.stringify({ ...shownBy(reader), ...exact })), 10_000).catch(error => {
      throw new Error(`${run}: ${JSON.stringify(steps)}: shown ${JSON.stringify(readers.map(shownBy))}, exact ${JSON.stringify(exact)}, heads ${streams.map(id => `${id} ${hub.get(id)?.head} of ${last[id]}`).join()}`, { cause: error })
    })
    corrections += readers.flatMap(({ transport }) => transport.names).filter(name => name === 'unread').length
  }))
  t.ok(corrections > 0, 'some numbers were sent')
})

t.test('connection - what comes while the backlog is read goes after it, in the same order, and nothing falls between', async t => {
  const { store, hub, open, post } = startDelivery(t)
  const posted: number[] = []
  for (let i = 0; i < 450; i++) posted.push(await post(own))
  const { range } = store
  store.range = async (...args) => {
    // Before the page is read: it is in the page, and waits to be sent live at the end of this turn.
    if (posted.length < 475) posted.push(await post(own))
    const docs = await range(...args)
    // After it was read, before it is sent.
    if (posted.length < 475) posted.push(await post(own))
    return docs
  }
  const { transport } = await open(ann, { [own]: posted[9]! })
  await until('the last', () => transport.seqs(own).includes(posted.at(-1)!))
  await until('live', () => hub.get(own)?.state === 'live')
  const last = await post(own)
  await until('live frames', () => transport.seqs(own).includes(last))
  t.same(transport.seqs(own), [...posted.slice(10), last])
  t.equal(transport.names[0], 'ready', 'before any entry')
  const { heads } = transport.events[0]![1] as { heads: Record<string, number> }
  t.same(Object.keys(heads), [own, allStream])
})

t.test('connection - after a sync nothing new overtakes what came while it was answered', async t => {
  const { store, hub, open, post } = startDelivery(t)
  const { connection, transport } = await open(ann, {})
  await until('live', async () => {
    const seq = await post(own)
    await endOfTurn()
    return transport.seqs(own).includes(seq)
  })
  connection.fallBehind()
  const before = transport.seqs(own)
  const missed = await post(own)
  const { range } = store
  let release = (): void => {}
  const released = new Promise<void>(resolve => { release = resolve })
  let reads = 0
  let during = 0
  store.range = async (...args) => {
    const docs = await range(...args)
    if (++reads === 1) during = await post(own)
    else await released
    return docs
  }
  const answer = await connection.sync({ [own]: before.at(-1)! }, 100)
  t.same((answer.entries as SentEntry[]).map(({ seq }) => seq), [missed])
  t.notOk(answer.more)
  await until('the rest is read', () => reads > 1)
  const after = await post(own)
  await until('passed on', () => hub.get(own)?.head === after)
  for (let turn = 0; turn < 5; turn++) await endOfTurn()
  t.same(transport.seqs(own), before)
  release()
  await until('all of it', () => transport.seqs(own).includes(after))
  t.same(transport.seqs(own), [...before, during, after])
})

t.test('connection - without cursors only what is new; a cursor beyond the head counts as the head', async t => {
  const { open, post } = startDelivery(t)
  await post(own)
  const fresh = await open(ann)
  const ahead = await open(ann, { [own]: Number.MAX_SAFE_INTEGER })
  // Not before it is live: where it stands is looked up first.
  await until('live', async () => {
    await post(own)
    return ahead.transport.seqs(own).length > 0
  })
  const last = await post(own)
  await until('the last', () => [fresh, ahead].every(({ transport }) => transport.seqs(own).includes(last)))
  t.equal(fresh.transport.entries()[0]!.prev, (fresh.transport.events[0]![1] as { heads: Record<string, number> }).heads[own])
})

t.test('connection - a page waits until the socket has written what it has', async t => {
  const { hub, open, post } = startDelivery(t)
  const posted = [await post(own), await post(own)]
  const { connection, transport } = await open(ann)
  let go = (): void => {}
  transport.draining = new Promise(resolve => { go = resolve })
  hub.get(own)!.leaveLive(connection)
  connection.leave(own)
  connection.join(own, posted[0]!)
  for (let turn = 0; turn < 20; turn++) await endOfTurn()
  t.same(transport.seqs(own), [])
  go()
  await until('the page', () => transport.seqs(own).length > 0)
  t.same(transport.seqs(own), [posted[1]])
})

t.test('connection - a slow socket is behind once and gets no more entries; volatile frames are dropped earlier, a number is kept', async t => {
  const { open, post } = startDelivery(t)
  const { connection, transport } = await open(ann)
  await until('live', async () => { await post(own); return transport.seqs(own).length > 0 })
  const volatile = eventFrame('entries', '[]')
  transport.waiting = 256 * 1024
  connection.deliverVolatile(volatile)
  const before = transport.events.length
  transport.waiting--
  connection.deliverVolatile(volatile)
  t.equal(transport.events.length, before + 1)
  transport.isFull = true
  t.notOk(connection.deliverLatest(eventFrame('unread', '{}')), 'to be tried again')
  t.equal(connection.state, 'live')
  await post(own)
  await until('behind', () => connection.state === 'behind')
  transport.isFull = false
  const seqs = transport.seqs(own)
  await post(own)
  connection.deliverVolatile(volatile)
  t.ok(connection.deliverLatest(eventFrame('unread', '{}')), 'it is given a number when it is live again')
  for (let turn = 0; turn < 5; turn++) await endOfTurn()
  t.same(transport.seqs(own), seqs)
  t.equal(transport.names.filter(name => name === 'behind').length, 1)
})

t.test('connection - asks to move and ends by its transport; closed, it is sent nothing and takes part in nothing', async t => {
  const { hub, users, open, post } = startDelivery(t)
  const { connection, transport } = await open(ann)
  connection.reassign('moved', 5)
  t.same(transport.events.at(-1), ['reassign', { reason: 'moved', delayMs: 5 }])
  connection.end()
  t.ok(transport.hasEnded)
  connection.close()
  users.remove(connection)
  const { length } = transport.events
  await post(own)
  connection.deliver(eventFrame('entries', '[]'))
  connection.fallBehind()
  connection.join(clubStream, 0)
  t.equal(transport.events.length, length)
  t.same([...hub.streams()], [])
  t.throws(() => connection.open(own), { code: 'GP_DISPATCH_UNAVAILABLE' })
})

t.test('placing - a join whose head cannot be read is completed when it can be', async t => {
  const { store, groups, open, post } = startDelivery(t)
  const { transport } = await open(ann)
  store.isAway = true
  await groups.join(ann, club)
  const posted = [await post(clubStream), await post(clubStream)]
  store.isAway = false
  posted.push(await post(clubStream))
  await until('all of it', () => transport.seqs(clubStream).length === 3)
  t.same(transport.seqs(clubStream), posted)
  t.notOk(transport.names.includes('behind'))
})

t.test('placing - a sync that ends being behind makes live in all that its heads name, joined meanwhile or not', async t => {
  const { store, groups, open, post } = startDelivery(t)
  const { connection, transport } = await open(ann)
  connection.fallBehind()
  store.isAway = true
  await groups.join(ann, club)
  const missed = await post(clubStream)
  await t.rejects(connection.sync({ [own]: 0 }, 100), { code: 'GP_STORE_UNAVAILABLE' })
  t.equal(connection.state, 'behind')
  store.isAway = false
  const answer = await connection.sync({ [own]: 0 }, 100)
  t.equal(answer.more, false)
  t.ok(clubStream in answer.heads)
  t.ok(answer.entries?.some(entry => (entry as { seq: number }).seq === missed))
  const next = await post(clubStream)
  await until('live', () => transport.seqs(clubStream).includes(next))
  t.same(transport.seqs(clubStream), [next])
})

t.test('placing - joined while a sync is under way, after it has read what the user sees', async t => {
  const { store, groups, open, post } = startDelivery(t)
  const { connection, transport } = await open(ann)
  connection.fallBehind()
  let isHeld = false
  const { ranges, range } = store
  let go = (): void => {}
  const held = new Promise<void>(resolve => { go = resolve })
  Object.assign(store, { exist: wait(store.exist), range: wait(range), ranges: wait(ranges) })
  function wait<A extends unknown[], T> (read: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => { const answer = await read(...args); if (isHeld) await held; return answer }
  }
  isHeld = true
  const syncing = connection.sync({}, 100)
  await groups.join(ann, club)
  const posted = [await post(clubStream)]
  isHeld = false
  go()
  const answered = (await syncing).entries as Array<{ stream: StreamId, seq: number }>
  posted.push(await post(clubStream))
  const got = (): number[] => [...answered.filter(({ stream }) => stream === clubStream).map(({ seq }) => seq), ...transport.seqs(clubStream)]
  await until('all since the join', () => got().length === 2)
  t.same(got(), posted)
})

t.test('placing - what is not as it should be, however that came, is found by the comparison', async t => {
  const { hub, users, groups, open, post } = startDelivery(t)
  await groups.join(ann, club)
  const { connection, transport } = await open(ann)
  const local = hub.get(own)!
  t.equal(await users.check(local), 0)
  connection.leave(clubStream)
  t.equal(await users.check(local), 1, 'one that it should be in')
  const seq = await post(clubStream)
  await until('live again', () => transport.seqs(clubStream).includes(seq))
  connection.join(groupStream('foreign'), 0)
  t.equal(await users.check(local), 1, 'one that it should not be in')
  t.equal(hub.get(groupStream('foreign')), undefined)
  t.equal(await users.check(local), 0)
})

t.test('placing - a leave that only the group tells of ends it, and a join after it is no end', async t => {
  const { groups, heard, hub, open, post } = startDelivery(t)
  await groups.join(ann, club)
  const { transport } = await open(ann)
  const before = await post(clubStream)
  await until('live', () => transport.seqs(clubStream).length === 1)
  heard.isHeard = false
  await groups.leave(ann, club)
  const foreign = await post(clubStream)
  await groups.join(ann, club)
  heard.isHeard = true
  const after = await post(clubStream)
  await until('what came since the second joining', () => transport.seqs(clubStream).includes(after))
  t.notOk(transport.seqs(clubStream).includes(foreign))
  t.same(new Set(transport.seqs(clubStream)), new Set([before, after]))
  t.ok(hub.get(clubStream)?.readers.size)
})

t.test('placing - a socket that closes while it is opened leaves nothing behind', async t => {
  const { store, hub, users, groups, open } = startDelivery(t)
  await groups.join(ann, club)
  let close = (): void => {}
  const { exist } = store
  const add = users.add
  Object.assign(users, { add: (connection: Connection) => { add(connection); close = () => { connection.close(); users.remove(connection) } } })
  store.exist = async (...args) => { const answer = await exist(...args); if (hub.get(own)?.state === 'live') close(); return answer }
  await t.rejects(open(ann), { code: 'GP_DISPATCH_UNAVAILABLE' })
  t.same([...hub.streams()], [])
  t.equal(users.connectionCount, 0)
})

/** A socket as Engine.IO has it, on a transport that a test fills and empties. */
function engineSocket ({ webSocket = true } = {}) {
  const direct: string[] = []
  const buffered: string[] = []
  const part = { readyState: 1, bufferedAmount: 0, _sender: { sendFrame: (frames: readonly Buffer[]) => { direct.push(...frames.map(frame => frame.subarray(frame.indexOf('42')).toString())) } } }
  const transport = { name: webSocket ? 'websocket' : 'polling', writable: true, ...webSocket && { socket: part } }
  const conn = { readyState: 'open', writeBuffer: [] as Array<{ data: string }>, transport, write: (data: string) => { conn.writeBuffer.push({ data }); buffered.push(data) }, close: () => { ended.push('conn') } }
  const ended: string[] = []
  const socket = { connected: true, conn, emit: () => {}, disconnect: () => { ended.push('socket') } }
  return { writer: new SocketWriter(socket as unknown as Socket), socket, conn, part, transport, direct, buffered, ended }
}

t.test('socket writer - a free WebSocket is written to at once; behind what Engine.IO holds frames wait their turn', async t => {
  const { writer, conn, transport, direct, buffered } = engineSocket()
  const [first, second, third] = [1, 2, 3].map(n => eventFrame('entries', `[${n}]`)) as [Frame, Frame, Frame]
  t.ok(writer.send(first, second))
  t.same(direct, ['42["entries",[1]]', '42["entries",[2]]'])
  transport.writable = false
  conn.writeBuffer.push({ data: 'an answer' })
  t.ok(writer.send(third))
  t.same(buffered, [third.packet])
  t.equal(writer.waitingBytes(), third.bytes)
  conn.writeBuffer.length = 0
  transport.writable = true
  t.equal(writer.waitingBytes(), 0)
  t.ok(writer.send(third))
  t.equal(direct.length, 3)
})

t.test('socket writer - over the bound nothing is sent; one frame of any size goes where nothing waits', async t => {
  const large = eventFrame('entries', `"${'x'.repeat(maxWaitingBytes + 1)}"`)
  const small = eventFrame('entries', '[]')
  const { writer, part, direct } = engineSocket()
  t.ok(writer.send(large))
  part.bufferedAmount = large.bytes
  t.notOk(writer.send(small))
  part.bufferedAmount = maxWaitingBytes - small.bytes
  t.ok(writer.send(small))
  t.equal(direct.length, 2)
  const polling = engineSocket({ webSocket: false })
  t.ok(polling.writer.send(large))
  t.notOk(polling.writer.send(small))
  t.equal(polling.buffered.length, 1)
})

t.test('socket writer - it has drained when all is written or the socket has closed; a closed one takes all and sends nothing', async t => {
  const { writer, socket, conn, part, direct, buffered, ended } = engineSocket()
  t.equal(writer.drained(), undefined)
  part.bufferedAmount = 300 * 1024
  let hasDrained = false
  const drained = writer.drained()!.then(() => { hasDrained = true })
  await endOfTurn()
  t.notOk(hasDrained)
  part.bufferedAmount = 0
  await drained
  part.bufferedAmount = 300 * 1024
  const closing = writer.drained()
  conn.readyState = 'closed'
  part.readyState = 3
  await closing
  t.ok(writer.send(eventFrame('entries', '[]')))
  t.same([direct, buffered], [[], []])
  writer.end()
  socket.connected = false
  writer.end()
  t.same(ended, ['socket', 'conn'])
})
