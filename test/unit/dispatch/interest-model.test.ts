/**
 * A model of what docs/adr/0036-interest.md claims: whatever is lost, once a heartbeat of a node has been heard, no stream that is read here lacks
 * anything that this node had pushed before it. Sender, counts, names and subscriptions are the real ones; the bus and the store are a few lines.
 */
import fc from 'fast-check'
import t from 'tap'
import type { NodeId, StreamId } from '../../../shared/contract/names.js'
import { createSubjects, lifeToken, streamToken } from '../../../shared/contract/subjects.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { createBroadcastReceiver } from '../../../services/dispatch/broadcast/broadcast-receiver.js'
import { createBroadcastSender } from '../../../services/dispatch/broadcast/broadcast-sender.js'
import { createInterest } from '../../../services/dispatch/broadcast/interest.js'
import { createPublishLog } from '../../../services/dispatch/broadcast/publish-log.js'
import { createPushedHeads, type Pushed } from '../../../services/dispatch/broadcast/pushed-heads.js'
import { createReceiveCounters } from '../../../services/dispatch/broadcast/receive-counters.js'
import type { BusHandler } from '../../../services/dispatch/buses/bus.js'

const log = createSilentLog()
const subjects = createSubjects('p')
const streams = ['u:ann', 'u:bob', 'g:team', 'all'] as StreamId[]
const maxTold = 2

type Local = { state: 'opening' | 'live', head: number, target: number, isInDoubt: boolean, stop: () => void }

/** One receiving node, the store, and a bus whose deliveries and subscriptions are lost as it is told. */
function createWorld () {
  const stored = new Map<StreamId, number>()
  const locals = new Map<StreamId, Local>()
  const subscribed = new Map<string, { handler: BusHandler, isInForce: boolean }>()
  const byToken = new Map(streams.map(stream => [streamToken(stream), stream]))
  const link = { isHeard: true, isInForce: true }
  const receiveCounters = createReceiveCounters()
  const subscribe = (subject: string, handler: BusHandler): () => void => {
    subscribed.set(subject, { handler, isInForce: link.isInForce })
    return () => { subscribed.delete(subject) }
  }
  const receiver = createBroadcastReceiver({ bus: { subscribe }, subjects, receiveCounters, log })
  const interest = createInterest({ bus: { subscribe, isConnected: false, roundTrip: async () => {} }, subjects, onPush: receiver.arrived, log })

  const look = (stream: StreamId): void => {
    const local = locals.get(stream)
    if (local?.state === 'live') local.head = stored.get(stream) ?? 0
    else if (local !== undefined) local.isInDoubt = true // as the reconciler does
  }
  receiver.onArrival(token => locals.has(byToken.get(token)!), ({ token, payload }) => {
    const stream = byToken.get(token)!
    const local = locals.get(stream)!
    const seq = Number(Buffer.from(payload).toString())
    local.target = Math.max(local.target, seq)
    if (local.state === 'live' && seq === local.head + 1) local.head = seq
    else if (local.state === 'live' && seq > local.head) look(stream)
  })
  const deliver = (subject: string, payload: Uint8Array): void => {
    if (!link.isHeard) return
    const own = subscribed.get(subject) ?? (subject.startsWith('p.push.') ? subscribed.get(subjects.allPushes) : undefined)
    if (own?.isInForce === true) own.handler(subject, payload, undefined)
  }
  return { stored, locals, link, subscribed, receiveCounters, interest, look, deliver }
}

type World = ReturnType<typeof createWorld>

function createPublisher (world: World, id: string) {
  const self = { id: id as NodeId, startedAt: 1 }
  const bus = { isConnected: true, maxPayloadBytes: 1000, publish: world.deliver }
  const route = { isShared: true, isAlone: false }
  const publishLog = createPublishLog({ rememberedMs: 60_000 })
  const pushedHeads = createPushedHeads(() => maxTold)
  const sender = createBroadcastSender({ self, bus, subjects, publishLog, isAlone: () => route.isAlone, log, interest: { isShared: () => route.isShared, onPushed: pushedHeads.add } })
  /** Up to which seq of each stream it has pushed. */
  const pushed = new Map<StreamId, number>()
  const publisher = world.receiveCounters.publisher(lifeToken(self.id, self.startedAt))!

  return {
    bus, route, pushed,
    append (stream: StreamId) {
      const seq = (world.stored.get(stream) ?? 0) + 1
      world.stored.set(stream, seq)
      pushed.set(stream, seq)
      sender.broadcast(stream, Buffer.from(String(seq)), seq)
    },
    beat () {
      const sent = publishLog.count
      publishLog.mark(0)
      const told: Pushed = pushedHeads.take(sent)
      return { sent, told }
    },
    /** As gap-watch.ts does, with an answer at once. */
    hear ({ sent, told: { since, heads } }: { sent: number, told: Pushed }) {
      const behind: StreamId[] = []
      const isTold = heads !== undefined && world.interest.heardHeads(heads, stream => { behind.push(stream) })
      behind.forEach(world.look)
      if (!world.receiveCounters.follow(publisher, isTold ? since : undefined, sent, false)) return
      publishLog.mark(0)
      for (const stream of publishLog.streamsBetween(publisher.doubted!.after, publishLog.count) ?? streams) world.look(stream)
      world.receiveCounters.resolve(publisher, Infinity)
    }
  }
}

const stream = fc.constantFrom(...streams)
const who = fc.constantFrom(0, 1)
const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), who, stream, fate: fc.constantFrom('heard', 'heard', 'lost', 'cut off', 'alone') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('beat' as const), who, isHeard: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const), stream, isInForce: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('opened' as const), stream }) },
  fc.record({ do: fc.constant('close' as const), stream }),
  fc.record({ do: fc.constant('route' as const), who, isShared: fc.boolean() })
)

t.test('interest - whatever is lost, what was pushed before a heartbeat that was heard is not missing after it', async t => {
  let asked = 0
  fc.assert(fc.property(fc.array(command, { maxLength: 60, size: 'max' }), commands => {
    const world = createWorld()
    const publishers = [createPublisher(world, 'a'), createPublisher(world, 'b')] as const
    for (const step of commands) {
      if (step.do === 'append') {
        const publisher = publishers[step.who]
        world.link.isHeard = step.fate === 'heard'
        publisher.bus.isConnected = step.fate !== 'cut off'
        publisher.route.isAlone = step.fate === 'alone'
        publisher.append(step.stream)
      } else if (step.do === 'open' && !world.locals.has(step.stream)) {
        world.link.isInForce = step.isInForce
        const local: Local = { state: 'opening', head: 0, target: 0, isInDoubt: false, stop: () => {} }
        // The head is read now, and known by `opened`: what is appended between must come or be told.
        local.head = world.stored.get(step.stream) ?? 0
        local.stop = world.interest.listen(step.stream, seq => {
          if (seq <= local.head) return true
          if (local.state === 'live') return false
          local.target = Math.max(local.target, seq)
          return true
        }).stop
        world.locals.set(step.stream, local)
      } else if (step.do === 'opened') {
        const local = world.locals.get(step.stream)
        if (local?.state === 'opening') {
          local.state = 'live'
          if (local.target > local.head || local.isInDoubt) world.look(step.stream)
        }
      } else if (step.do === 'close') {
        world.locals.get(step.stream)?.stop()
        world.locals.delete(step.stream)
      } else if (step.do === 'route') {
        publishers[step.who].route.isShared = step.isShared
      } else if (step.do === 'beat') {
        const publisher = publishers[step.who]
        const beat = publisher.beat()
        if (!step.isHeard) continue
        publisher.hear(beat)
        for (const [id, { state, head, target, isInDoubt }] of world.locals) {
          const pushed = publisher.pushed.get(id) ?? 0
          // Before it is live, that it will be looked at is enough.
          if (state === 'live' ? head < pushed : Math.max(head, target) < pushed && !isInDoubt) throw new Error(`${id} is at ${head}, and ${pushed} was pushed`)
          asked++
        }
      }
    }
    world.interest.close()
  }), { numRuns: 2_000 })
  t.ok(asked > 1_000, 'streams were looked at after heartbeats')
})
