/**
 * What pushes cost all nodes together, by interest and by broadcast: the receiving half of dispatch of 8, 100 and 1,000 nodes in one process, on
 * a bus of maps. Without NATS's own share, which goes by the copies. Users are where the ring puts them, so that each push has one reader.
 */
import { createReceiveCounters } from '../../../services/dispatch/broadcast/receive-counters.js'
import { createBroadcastReceiver } from '../../../services/dispatch/broadcast/broadcast-receiver.js'
import { createBroadcastSender } from '../../../services/dispatch/broadcast/broadcast-sender.js'
import { createInterest } from '../../../services/dispatch/broadcast/interest.js'
import { createPushedHeads } from '../../../services/dispatch/broadcast/pushed-heads.js'
import type { DispatchMode } from '../../../services/dispatch/create-dispatch.js'
import type { BusHandler } from '../../../services/dispatch/buses/bus.js'
import { userStream, type NodeId, type StreamId } from '../../../shared/contract/names.js'
import { createRing, ringName } from '../../../shared/contract/ring.js'
import { arcCount, arcOf, createSubjects, streamToken } from '../../../shared/contract/subjects.js'
import { groupBy } from '../../../shared/platform/group-by.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { userName } from '../message.js'
import { populated, sized, type Measured, type Row, type Size } from '../row.js'

/** Pushes of one node that go with one heartbeat. */
const perHeartbeat = 100
const payload = Buffer.alloc(500, 0x5b)
const log = createSilentLog()
const subjects = createSubjects('bench')

interface Nodes { readonly push: (stream: StreamId) => void, readonly tell: () => void, readonly copies: () => number, readonly arrived: () => number, readonly close: () => void }

/** Its subscribers get a push at once. */
function startNodes (mode: DispatchMode, owners: ReadonlyMap<StreamId, NodeId>): Nodes {
  const subscribers = new Map<string, BusHandler[]>()
  const subscribe = (subject: string, handler: BusHandler): () => void => {
    const others = subscribers.get(subject)
    if (others === undefined) subscribers.set(subject, [handler])
    else others.push(handler)
    return () => {}
  }
  let [copies, arrived, seq] = [0, 0, 0]
  const streamsOf = groupBy([...owners.keys()], stream => owners.get(stream)!)
  const interests = [...streamsOf.values()].map(streams => {
    const receiver = createBroadcastReceiver({ bus: { subscribe }, subjects, receiveCounters: createReceiveCounters(), log })
    const tokens = new Set(streams.map(streamToken))
    receiver.onArrival(token => tokens.has(token), () => { arrived++ })
    if (mode === 'broadcast') return undefined
    const interest = createInterest({ bus: { subscribe, isConnected: false, roundTrip: async () => {} }, subjects, onPush: receiver.arrived, log })
    for (const stream of streams) interest.listen(stream, () => true)
    return interest
  })
  const pushedHeads = createPushedHeads(() => Infinity)
  const sender = createBroadcastSender({
    self: { id: 'sender' as NodeId, startedAt: 1 },
    bus: {
      isConnected: true,
      maxPayloadBytes: 1024 * 1024,
      publish: (subject, bytes) => {
        const handlers = subscribers.get(subject.startsWith('bench.push.') ? subjects.allPushes : subject) ?? []
        copies += handlers.length
        for (const handler of handlers) handler(subject, bytes, undefined)
      }
    },
    subjects,
    publishLog: { add: () => {} },
    isAlone: () => false,
    log,
    ...mode === 'interest' && { interest: { isShared: () => true, onPushed: pushedHeads.add } }
  })
  return {
    push: stream => { sender.broadcast(stream, payload, ++seq) },
    tell: () => {
      const { heads = '' } = pushedHeads.take(seq)
      for (const interest of interests) interest?.heardHeads(heads, () => {})
    },
    copies: () => copies,
    arrived: () => arrived,
    close: () => { for (const interest of interests) interest?.close() }
  }
}

/** How many nodes hear an arc in which every place has a reader, on average; one that has two parts of it counts twice. */
function copiesWhenFull (places: readonly NodeId[]): number {
  const perArc = places.length / arcCount
  let sum = 0
  for (let place = 0; place < places.length; place++) if (place % perArc === 0 || places[place] !== places[place - 1]) sum++
  return sum / arcCount
}

const rowOf = (nodeCount: number, atMost: number): Row => ({
  name: `interest-${nodeCount}`,
  ...nodeCount !== 8 && { variantOf: 'interest-8' },
  unit: 'push, at all nodes',
  ours: `${nodeCount} nodes by interest, each push with one reader, and what heartbeats tell of it`,
  baseline: 'the same nodes by broadcast',
  reach: { kind: 'cost', atMost },
  noWorse: ['copies'],
  prepare: async (size: Size) => {
    const ring = createRing(Array.from({ length: nodeCount }, (_, i) => ({ id: `node-${i}` as NodeId, weight: 1 })))
    const owners = new Map<StreamId, NodeId>()
    for (let i = 0; i < populated(size, 100_000, 1_000); i++) {
      const stream = userStream(userName(i))
      owners.set(stream, ring.assign(ringName(stream))!)
    }
    const streams = [...owners.keys()]
    // Both sides find them in memory, as a node does that serves the same users all day.
    const pushed = streams.slice(0, 10_000)
    for (const stream of pushed) arcOf(stream)
    const count = sized(size, Math.ceil(4_000_000 / nodeCount / perHeartbeat) * perHeartbeat, perHeartbeat)
    const full = copiesWhenFull(ring.sample(arcCount * 8))
    const nodes = { interest: startNodes('interest', owners), broadcast: startNodes('broadcast', owners) }
    let at = 0
    const measure = (mode: DispatchMode): Measured => {
      const { push, tell, copies, arrived } = nodes[mode]
      const [copiesBefore, arrivedBefore] = [copies(), arrived()]
      const before = process.cpuUsage()
      for (let i = 1; i <= count; i++) {
        push(pushed[at++ % pushed.length]!)
        if (i % perHeartbeat === 0) tell()
      }
      const { user, system } = process.cpuUsage(before)
      if (arrived() - arrivedBefore !== count) throw new Error(`${arrived() - arrivedBefore} of ${count} pushes arrived`)
      return { cost: (user + system) / count, figures: { copies: (copies() - copiesBefore) / count, ...mode === 'interest' && { copiesWhenFull: full } } }
    }
    return {
      ours: async () => measure('interest'),
      baseline: async () => measure('broadcast'),
      close: async () => { nodes.interest.close(); nodes.broadcast.close() }
    }
  }
})

export const interestRows: readonly Row[] = [rowOf(8, 4), rowOf(100, 1.2), rowOf(1_000, 0.6)]
