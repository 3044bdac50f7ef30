/**
 * Dispatch over any Bus: membership, numbered broadcasts, rpc. The bus is a hint and may lose anything:
 *
 * | what may be lost | who notices | what is done |
 * | --- | --- | --- |
 * | a broadcast, on either side's broken link or a slow consumer | each receiver, by the number in the publisher's next heartbeat or `bye` | it asks the publisher, which names the streams; doubt `streams` |
 * | between nodes by interest: the same | each reader of the stream, by the heads in the publisher's next heartbeat or `bye` | doubt `streams` |
 * | between nodes by interest: a heartbeat and what it told | each receiver: the next one begins later than the last ended | it asks the publisher, as above |
 * | the same, and the publisher does not know any more, or is gone before it replied | the receiver | doubt `everything` |
 * | the last ones of a node that died or came back as another life | the receivers: silence, a new start | doubt `node` |
 * | a heartbeat, `hello` or `bye` | the next heartbeat, or silence | nothing |
 * | a request or its answer | the asker's time runs out | its caller decides; a request about losses is asked again |
 * | a volatile entry, a message to a topic | nobody | nothing: they promise nothing |
 *
 * By interest (`GATEPOST_DISPATCH`) a node hears the arcs of the streams that it reads, in place of everything: docs/adr/0036-interest.md.
 *
 * Order matters in one place: a heartbeat's number holds because pushes and heartbeats leave over one connection.
 */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../../shared/contract/clock.js'
import type { Log } from '../../shared/platform/log.js'
import { createHeartbeatReader } from './heartbeat-reader.js'
import { createHeartbeatSender, type HeartbeatSender } from './heartbeat-sender.js'
import { createBroadcastReceiver, type BroadcastReceiver } from './broadcast/broadcast-receiver.js'
import { createBroadcastSender, type BroadcastSenderOptions } from './broadcast/broadcast-sender.js'
import { createInterest } from './broadcast/interest.js'
import { bytesPerHead, createPushedHeads, type PushedHeads } from './broadcast/pushed-heads.js'
import { createGapWatch } from './broadcast/gap-watch.js'
import type { Bus } from './buses/bus.js'
import { createBusTrust, type Unsigned } from './bus-trust.js'
import type { Dispatch, NodeLife, SuspectedGap } from './dispatch.js'
import { register, tell } from './handlers.js'
import { defaultIntervals, type DispatchIntervals } from './intervals.js'
import { createLinkMonitor } from './link-monitor.js'
import { answerGapQuery, gapQueryKind } from './broadcast/gap-query.js'
import { ListeningTime } from './listening-time.js'
import { createMemberWatch, type MemberWatch } from './member-watch.js'
import { createRpc } from './rpc.js'
import { createReceiveCounters, type ReceiveCounters } from './broadcast/receive-counters.js'
import { createPublishLog, type PublishLog } from './broadcast/publish-log.js'
import { createSigner, withinProcess } from './signer.js'
import { createSubjects, type Subjects } from '../../shared/contract/subjects.js'

export type { DispatchIntervals } from './intervals.js'

export type DispatchMode = 'broadcast' | 'interest'

export interface DispatchOptions {
  bus: Bus
  /** First tokens of every subject. */
  prefix: string
  /** Proves that this process belongs to the cluster: GATEPOST_SECRET, and those that others may still sign with. */
  secret: string
  acceptedSecrets?: readonly string[] | undefined
  /** What is done about processes that do not sign; `accept` by default. */
  unsigned?: Unsigned | undefined
  /** What it hears of what others push: everything, or what it listens to. `broadcast` by default. */
  mode?: DispatchMode | undefined
  /** This process as a node, from `join` on one of the members. Absent where it is none. */
  self?: NodeLife
  clock: Clock
  log: Log
  intervals?: Partial<DispatchIntervals>
}

const maxGapAnswerBytes = 256 * 1024
/** A heartbeat is sent early once so many streams are to be told with it. */
const soonAtHeads = 4_096
/** So many are told at most, after a cut say, in a quarter of what the bus takes. */
const maxHeads = 8 * soonAtHeads

export function createDispatch ({ bus, prefix, secret, acceptedSecrets, unsigned = 'accept', mode = 'broadcast', self: life, clock, log, intervals: ownIntervals }: DispatchOptions): Dispatch {
  // A clock that is set by another may have fractions, a life has none.
  const self = life && { id: life.id, startedAt: Math.floor(life.startedAt) }
  const intervals = { ...defaultIntervals, ...ownIntervals }
  const subjects = createSubjects(prefix)
  // Within one process there are no strangers.
  const signer = bus.kind === 'in-process' ? withinProcess : createSigner({ secret, accept: acceptedSecrets })
  const trust = createBusTrust({ unsigned, log })
  const rpc = createRpc({ bus, subjects, signer, trust, self: self?.id, answerMs: intervals.answerMs, log })
  const listening = new ListeningTime({ linkMonitor: createLinkMonitor({ bus, longestSilenceMs: intervals.heartbeatMs }), heartbeatMs: intervals.heartbeatMs })
  const hasConverged = (): boolean => listening.totalMs >= intervals.settleMs
  const connectedHandlers = new Set<(isConnected: boolean) => void>()
  const gapHandlers = new Set<(gap: SuspectedGap) => void>()
  let state: 'open' | 'closed' = 'open'

  const receiveCounters = createReceiveCounters()
  const receiver = createBroadcastReceiver({ bus, subjects, receiveCounters, log })
  const interest = self === undefined || mode === 'broadcast' ? undefined : createInterest({ bus, subjects, onPush: receiver.arrived, log })
  const gapWatch = createGapWatch({
    receiver, receiveCounters, interest, createdAtMs: clock.now(), intervals, log,
    ask: async (node, body) => await rpc.ask(node, gapQueryKind, body),
    emit: gap => { tell(gapHandlers, gap, log) }
  })
  const members = createMemberWatch({ self: self?.id, intervals, read: createHeartbeatReader({ self: self?.id, signer, trust, log }), gapWatch, receiveCounters, clock, log })
  const publishLog = createPublishLog(intervals)
  const pushedHeads = interest && createPushedHeads(() => Math.min(maxHeads, bus.maxPayloadBytes / 4 / bytesPerHead))
  const heartbeatSender = createHeartbeatSender({ self, bus, subjects, signer, trust, publishLog, pushedHeads, clock, onOwn: members.heardOwn })
  const byInterest = pushedHeads && sendByInterest(pushedHeads, () => hasConverged() && members.isByInterest(), heartbeatSender.soon)
  const sender = createBroadcastSender({ self, bus, subjects, publishLog, isAlone: () => hasConverged() && members.isAlone(), interest: byInterest, log })

  if (self !== undefined) {
    rpc.answer(gapQueryKind, answerGapQuery({ startedAt: self.startedAt, publishLog, mark: () => { publishLog.mark(performance.now()) }, maxAnswerBytes: Math.min(maxGapAnswerBytes, bus.maxPayloadBytes / 2) }))
  }
  const endListening = listen({
    bus, subjects, heartbeatMs: intervals.heartbeatMs, listening, members, heartbeatSender, receiver, receiveCounters, publishLog,
    onConnected: isConnected => { tell(connectedHandlers, isConnected, log) }
  })

  return {
    get isConnected () { return state === 'open' && bus.isConnected },
    get isResponsive () { return state === 'open' && bus.isConnected && listening.isLinkProven },
    get isWhole () { return state === 'open' && bus.isConnected && listening.provenMs >= intervals.settleMs && gapWatch.isClear },
    get maxPayloadBytes () { return bus.maxPayloadBytes },
    get hasConverged () { return hasConverged() },
    members: members.members,
    onMembers: members.onMembers,
    onMemberEvent: members.onMemberEvent,
    onHeartbeat: members.onHeartbeat,
    onConnected (handler) { return register(connectedHandlers, handler) },

    broadcast: sender.broadcast,
    broadcastVolatile: sender.broadcastVolatile,
    broadcastTopic: sender.broadcastTopic,
    onArrival: receiver.onArrival,
    listen: interest?.listen,
    onTopic: receiver.onTopic,
    onDoubt (handler) { return register(gapHandlers, handler) },

    ask: rpc.ask,
    askAll: async (kind, body, timeoutMs) =>
      await rpc.askEach(members.members().filter(member => member.state !== 'down').map(({ id }) => id), kind, body, timeoutMs),
    answer: rpc.answer,

    join: heartbeatSender.join,
    announceNow: heartbeatSender.soon,
    async close () {
      if (state === 'closed') return
      heartbeatSender.bye()
      state = 'closed'
      heartbeatSender.close()
      endListening()
      members.close()
      gapWatch.close()
      rpc.close()
      sender.close()
      receiver.close()
      interest?.close()
    }
  }
}

/** Each push is told, early where many are. */
function sendByInterest (pushedHeads: PushedHeads, isShared: () => boolean, soon: () => void): NonNullable<BroadcastSenderOptions['interest']> {
  return { isShared, onPushed: (stream, seq) => { if (pushedHeads.add(stream, seq) >= soonAtHeads) soon() } }
}

interface ListenOptions {
  readonly bus: Bus
  readonly subjects: Subjects
  readonly heartbeatMs: number
  readonly listening: ListeningTime
  readonly members: MemberWatch
  readonly heartbeatSender: HeartbeatSender
  readonly receiver: BroadcastReceiver
  readonly receiveCounters: ReceiveCounters
  readonly publishLog: PublishLog
  readonly onConnected: (isConnected: boolean) => void
}

/** Within one process nothing is lost and all goes through one queue: `hello` before the first, the announcements that answer it before the second. */
async function twoRoundTrips (bus: Bus): Promise<void> {
  await bus.roundTrip()
  await bus.roundTrip()
}

/** Hears the others, and keeps time. Returns what ends it. */
function listen ({ bus, subjects, heartbeatMs, listening, members, heartbeatSender, receiver, receiveCounters, publishLog, onConnected }: ListenOptions): () => void {
  const isOneProcess = bus.kind === 'in-process'
  let wasCut = false

  function step (): void {
    const { nowMs, elapsedMs, isLinkProven } = listening.step()
    if (isLinkProven) {
      receiver.advance(elapsedMs)
      publishLog.prune(nowMs)
    }
    members.advance(elapsedMs, isLinkProven)
  }

  function statusChanged (isConnected: boolean): void {
    wasCut = true
    listening.linkChanged()
    if (isConnected) heartbeatSender.linked()
    onConnected(isConnected)
  }

  const subscriptions = [
    bus.subscribe(subjects.allHeartbeats, members.heardHeartbeat),
    bus.subscribe(subjects.allByes, members.heardBye),
    bus.subscribe(subjects.hello, isOneProcess ? heartbeatSender.now : heartbeatSender.soon),
    bus.onStatus(statusChanged)
  ]
  if (bus.isConnected) heartbeatSender.linked()
  // Who was cut off meanwhile is left to time, as over a network.
  if (isOneProcess) void twoRoundTrips(bus).then(() => { if (!wasCut) listening.heardEverybody() }, () => {})
  const timers = [
    setInterval(heartbeatSender.now, heartbeatMs).unref(),
    setInterval(step, heartbeatMs / 4).unref(),
    setInterval(receiveCounters.sweep, 10 * heartbeatMs).unref()
  ]
  return () => {
    for (const timer of timers) clearInterval(timer)
    for (const unsubscribe of subscriptions) unsubscribe()
  }
}
