/** What one node pushes and another counts, over a bus that a test breaks: no other process, no store. */
import fc from 'fast-check'
import t from 'tap'
import type { NodeId, StreamId } from '../../../shared/contract/names.js'
import { createSubjects, lifeToken, streamToken } from '../../../shared/contract/subjects.js'
import { createLog, createSilentLog } from '../../../shared/platform/log.js'
import type { Bus } from '../../../services/dispatch/buses/bus.js'
import { createBroadcastReceiver } from '../../../services/dispatch/broadcast/broadcast-receiver.js'
import { createBroadcastSender } from '../../../services/dispatch/broadcast/broadcast-sender.js'
import { createPublishLog } from '../../../services/dispatch/broadcast/publish-log.js'
import { createReceiveCounters } from '../../../services/dispatch/broadcast/receive-counters.js'

const subjects = createSubjects('test')
const self = { id: 'a' as NodeId, startedAt: 5 }
const streams = ['u:ann', 'g:staff', 'all'] as StreamId[]
const fits = Buffer.from('{}')
const tooLarge = Buffer.alloc(101)

type Handler = Parameters<Bus['subscribe']>[1]

/** A sender and a receiver; `bus.isDeaf`: what is published reaches nobody. */
function start (node: typeof self | undefined = self) {
  const handlers: Array<{ stem: string, handler: Handler }> = []
  const bus = {
    isConnected: true,
    isDeaf: false,
    maxPayloadBytes: 100,
    publish: (subject: string, payload: Uint8Array) => { if (!bus.isDeaf) for (const { stem, handler } of handlers) if (subject.startsWith(stem)) handler(subject, payload, undefined) },
    subscribe: (pattern: string, handler: Handler) => {
      const one = { stem: pattern.slice(0, pattern.search(/[*>]/)), handler }
      handlers.push(one)
      return () => { handlers.splice(handlers.indexOf(one), 1) }
    }
  }
  const alone = { isAlone: false }
  const lines: string[] = []
  const log = createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push((JSON.parse(line) as { event: string }).event) } } })
  const publishLog = createPublishLog({ rememberedMs: 60_000 })
  const receiveCounters = createReceiveCounters()
  const sender = createBroadcastSender({ self: node, bus, subjects, publishLog, isAlone: () => alone.isAlone, log })
  const receiver = createBroadcastReceiver({ bus, subjects, receiveCounters, log })
  return { bus, alone, lines, handlers, publishLog, receiveCounters, sender, receiver }
}

t.test('broadcast - whatever gets lost on the way, the numbers show a loss exactly when there was one', async t => {
  const step = fc.record({ stream: fc.constantFrom(...streams), fate: fc.constantFrom('heard', 'heard', 'lost', 'cut off', 'alone', 'too large') })
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), steps => {
    const { bus, alone, publishLog, receiveCounters, sender, receiver } = start()
    const heard: string[] = []
    receiver.onArrival(() => true, ({ from, token }) => { heard.push(`${from} ${token}`) })
    const publisher = receiveCounters.publisher(lifeToken(self.id, self.startedAt))!
    receiveCounters.compare(publisher, 0, false)
    for (const { stream, fate } of steps) {
      bus.isConnected = fate !== 'cut off'
      bus.isDeaf = fate === 'lost'
      alone.isAlone = fate === 'alone'
      let wasEncoded = false
      sender.broadcast(stream, () => { wasEncoded = true; return fate === 'too large' ? tooLarge : fits }, 1)
      if (wasEncoded !== (fate !== 'cut off' && fate !== 'alone')) throw new Error(`${fate}: encoded ${wasEncoded}`)
    }
    const arrived = steps.filter(({ fate }) => fate === 'heard')
    if (heard.join() !== arrived.map(({ stream }) => `a ${streamToken(stream)}`).join()) throw new Error(`heard ${heard.join()}`)
    if (publishLog.count !== steps.length) throw new Error(`counted ${publishLog.count} of ${steps.length}`)
    if (receiveCounters.compare(publisher, publishLog.count, false) !== (arrived.length < steps.length)) throw new Error('a loss that does not show, or none that does')
    publishLog.mark(0)
    const named = steps.length === 0 ? [] : publishLog.streamsBetween(0, publishLog.count)
    if (new Set(named).size !== new Set(steps.map(({ stream }) => stream)).size) throw new Error(`named ${named?.join()}`)
  }))
})

t.test('broadcast - a limit of the bus that is too low is logged once, and again when another server has another', async t => {
  const { bus, lines, publishLog, sender } = start()
  for (let i = 0; i < 3; i++) sender.broadcast('all' as StreamId, tooLarge, 1)
  bus.maxPayloadBytes = 50
  sender.broadcast('all' as StreamId, tooLarge, 1)
  t.same(lines, ['broadcast-too-large', 'broadcast-too-large'])
  t.equal(publishLog.count, 4)
})

t.test('broadcast - volatile messages and topics arrive uncounted; what is too large for them is refused', async t => {
  const { publishLog, sender, receiver } = start()
  const arrivals: string[] = []
  receiver.onArrival(token => token === streamToken('u:ann' as StreamId), ({ from, payload }) => { arrivals.push(`${from} ${Buffer.from(payload).toString()}`) })
  receiver.onTopic(({ topic, match }) => { arrivals.push(`${topic} ${match}`) })
  sender.broadcastVolatile('u:ann' as StreamId, fits)
  sender.broadcastVolatile('u:bob' as StreamId, fits)
  sender.broadcastTopic('weather/rain', 'prefix', fits)
  t.same(arrivals, ['a {}', 'weather/rain prefix'])
  t.equal(publishLog.count, 0)
  t.throws(() => { sender.broadcastVolatile('u:ann' as StreamId, tooLarge) }, { code: 'GP_TOO_LARGE' })
  t.throws(() => { sender.broadcastTopic('weather', 'exact', tooLarge) }, { code: 'GP_TOO_LARGE' })
})

t.test('broadcast - a closed sender sends and counts nothing; what is no node sends nothing', async t => {
  const { publishLog, sender, receiver } = start()
  const arrivals: unknown[] = []
  receiver.onArrival(() => true, arrival => { arrivals.push(arrival) })
  sender.close()
  sender.broadcast('all' as StreamId, fits, 1)
  sender.broadcastVolatile('all' as StreamId, fits)
  sender.broadcastTopic('weather', 'exact', fits)
  t.same([arrivals, publishLog.count], [[], 0])
  const gate = createBroadcastSender({ self: undefined, bus: start().bus, subjects, publishLog, isAlone: () => false, log: createSilentLog() })
  t.throws(() => { gate.broadcast('all' as StreamId, fits, 1) }, { message: 'only a node broadcasts' })
  t.throws(() => { gate.broadcastVolatile('all' as StreamId, fits) }, { message: 'only a node broadcasts' })
  t.throws(() => { gate.broadcastTopic('weather', 'exact', fits) }, { message: 'only a node broadcasts' })
})

t.test('receiver - it receives from the first handler on until it closes; a handler that fails stops no other', async t => {
  const { handlers, lines, receiveCounters, sender, receiver } = start()
  t.equal(receiver.receivedMs, undefined)
  receiver.advance(5)
  t.equal(receiver.receivedMs, undefined)
  sender.broadcast('all' as StreamId, fits, 1)
  const stop = receiver.onArrival(() => true, () => { throw new Error('of the test') })
  let arrived = 0
  receiver.onArrival(() => true, () => { arrived++ })
  receiver.advance(5)
  t.equal(receiver.receivedMs, 5)
  sender.broadcast('all' as StreamId, fits, 1)
  t.equal(arrived, 1)
  t.same(lines, ['arrival-failed'])
  stop()
  sender.broadcast('all' as StreamId, fits, 1)
  t.same([arrived, lines.length], [2, 1])
  t.equal(receiveCounters.publisher(lifeToken(self.id, self.startedAt))!.counted, 2, 'from when it began')
  receiver.close()
  t.same(handlers, [])
})
