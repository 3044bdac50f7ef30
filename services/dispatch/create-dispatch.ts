/**
 * Dispatch over any Bus: membership, numbered broadcasts, rpc. The bus is a hint and may lose anything:
 *
 * | what may be lost | who notices | what is done |
 * | --- | --- | --- |
 * | a broadcast, on either side's broken link or a slow consumer | each receiver, by the number in the publisher's next heartbeat or `bye` | it asks the publisher, which names the streams; doubt `streams` |
 * | the same, and the publisher cannot tell any more, or is gone before it told | the receiver | doubt `everything` |
 * | the last ones of a node that died or came back as another life | the receivers: silence, a new start | doubt `node` |
 * | a heartbeat, `hello` or `bye` | the next heartbeat, or silence | nothing |
 * | a request or its answer | the asker's time runs out | its caller decides; a request about losses is asked again |
 * | a volatile entry, a message to a topic | nobody | nothing: they promise nothing |
 *
 * Order matters in one place: a heartbeat's number holds because pushes and heartbeats leave over one connection.
 */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../../shared/contract/clock.js'
import { createNewerFormLog } from '../../shared/platform/newer-form-log.js'
import type { Log } from '../../shared/platform/log.js'
import type { NodeId } from '../../shared/contract/names.js'
import { readHeartbeat, type Heartbeat } from './heartbeat.js'
import { createHeartbeatSender } from './heartbeat-sender.js'
import { createBroadcasts } from './broadcast/broadcasts.js'
import type { Bus } from './buses/bus.js'
import { createBusTrust, type Unsigned } from './bus-trust.js'
import { noLink } from './buses/bus-errors.js'
import type { Dispatch, SuspectedGap, Member, NodeLife } from './dispatch.js'
import { createGapBatcher } from './broadcast/gap-batcher.js'
import { register, tell } from './handlers.js'
import { defaultIntervals, type DispatchIntervals } from './intervals.js'
import { createLinkMonitor } from './link-monitor.js'
import { answerGapQuery, createGapQuery, gapQueryKind } from './broadcast/gap-query.js'
import { createMembership, type MembershipEvent } from './membership.js'
import { createRpc } from './rpc.js'
import { createReceiveCounters } from './broadcast/receive-counters.js'
import { createPublishLog } from './broadcast/publish-log.js'
import { createSigner, withinProcess } from './signer.js'
import { createSubjects, lifeToken } from '../../shared/contract/subjects.js'

export type { DispatchIntervals } from './intervals.js'

export interface DispatchOptions {
  bus: Bus
  /** First tokens of every subject. */
  prefix: string
  /** Proves that this process belongs to the cluster: GATEPOST_SECRET, and those that others may still sign with. */
  secret: string
  acceptedSecrets?: readonly string[] | undefined
  /** What is done about processes that do not sign; `accept` by default. */
  unsigned?: Unsigned | undefined
  /** This process as a node, from `join` on one of the members. Absent where it is none. */
  self?: NodeLife
  clock: Clock
  log: Log
  intervals?: Partial<DispatchIntervals>
}

/** Changes of members that come together are told together: every ring is rebuilt at each. */
const tellMembersAfterMs = 20
const groupDoubtsMs = 20
const maxLossAnswerBytes = 256 * 1024

export function createDispatch ({ bus, prefix, secret, acceptedSecrets, unsigned = 'accept', self: given, clock, log, intervals: givenIntervals }: DispatchOptions): Dispatch {
  // A clock that is set by another may have fractions, a life has none.
  const self = given && { id: given.id, startedAt: Math.floor(given.startedAt) }
  const intervals = { ...defaultIntervals, ...givenIntervals }
  const subjects = createSubjects(prefix)
  const membership = createMembership(intervals, self?.id)
  const receiveCounters = createReceiveCounters()
  const publishLog = createPublishLog(intervals)
  const linkMonitor = createLinkMonitor({ bus, longestSilenceMs: intervals.heartbeatMs })
  // Within one process there are no strangers.
  const signer = bus.kind === 'in-process' ? withinProcess : createSigner({ secret, accept: acceptedSecrets })
  const trust = createBusTrust({ unsigned, log })
  const rpc = createRpc({ bus, subjects, signer, trust, self: self?.id, log })
  const createdAtMs = clock.now()
  const logNewerForm = createNewerFormLog(log)

  const memberHandlers = new Set<(members: readonly Member[]) => void>()
  const heartbeatHandlers = new Set<(member: Member) => void>()
  const connectedHandlers = new Set<(isConnected: boolean) => void>()
  const doubtHandlers = new Set<(doubt: SuspectedGap) => void>()
  const subscriptions: Array<() => void> = []

  let state: 'open' | 'closed' = 'open'
  /** The start of another process under this node's id that has been warned of. */
  let warnedOfStart: number | undefined
  /** How long this process has listened; what `hasConverged` goes by. */
  let listenedMs = 0
  /** How long the link has been proven, since it last was not. */
  let provenMs = 0
  let toldRevision = 0
  let tellTimer: NodeJS.Timeout | undefined
  let steppedAtMs = performance.now()
  let isLinkProven = true

  const doubt = (value: SuspectedGap): void => { tell(doubtHandlers, value, log) }
  const gapBatcher = createGapBatcher({ waitMs: groupDoubtsMs, emit: doubt })
  const gapQuery = createGapQuery({
    receiveCounters,
    ask: async (node, body) => await rpc.ask(node, gapQueryKind, body, intervals.answerMs),
    onStreams: gapBatcher.addStreams,
    onUntold: gapBatcher.addEverything,
    onFailure: (publisher, error) => { log.debug({ event: 'loss-question-failed', member: publisher.node, err: error }, 'a publisher did not tell what was lost; asked again at its next heartbeat') },
    jitterMs: intervals.jitterMs
  })

  const heartbeatSender = createHeartbeatSender({ self, bus, subjects, signer, trust, publishLog, clock, onOwn: announcement => { handle(membership.heard(announcement, clock.now()).events) } })
  const broadcasts = createBroadcasts({ self, bus, subjects, receiveCounters, publishLog, isAlone: () => listenedMs >= intervals.settleMs && membership.isAlone(), log })

  // ---- what others tell of themselves

  function handle (events: readonly MembershipEvent[]): void {
    for (const event of events) {
      log.info({ event: 'member', member: event.node, change: event.kind, ...(event.kind === 'changed' ? { from: event.from, to: event.to } : {}), ...(event.kind === 'lifeEnded' ? { reason: event.reason } : {}) }, `member ${event.kind}`)
      if (event.node === self?.id) continue
      if (event.kind === 'lifeEnded' && event.reason !== 'bye') endLife(event.node, event.startedAt)
      if (event.kind === 'forgotten') receiveCounters.forget(lifeToken(event.node, event.startedAt))
    }
    if (membership.revision !== toldRevision) {
      tellTimer ??= setTimeout(() => {
        tellTimer = undefined
        toldRevision = membership.revision
        tell(memberHandlers, membership.members(), log)
      }, tellMembersAfterMs).unref()
    }
  }

  /** A life ended without a `bye`: nobody knows how many it sent at last. */
  function endLife (node: NodeId, startedAt: number): void {
    if (broadcasts.receivedMs === undefined) return
    doubt({ kind: 'node', node })
    const publisher = receiveCounters.publisher(lifeToken(node, startedAt))
    if (publisher?.doubted === undefined) return
    receiveCounters.wasTold(publisher, Infinity)
    giveUp(node)
  }

  /** Something is known to be lost, and who could name it is gone. */
  function giveUp (node: NodeId): void {
    log.warn({ event: 'broadcasts-lost', member: node }, 'broadcasts of a node that has gone were lost: all streams are looked at')
    gapBatcher.addEverything()
  }

  /** What another process of this cluster announces. */
  function readFromElsewhere (subject: string, payload: Uint8Array): Heartbeat | undefined {
    const announcement = readHeartbeat(payload)
    if (announcement === undefined) {
      log.debug({ event: 'malformed-announcement' }, 'something on the bus is no announcement')
      return undefined
    }
    const signature = signer.check(subject, payload)
    if ('newerForm' in announcement) {
      if (signature !== 'forged') logNewerForm(announcement.id, 'announcement', announcement.newerForm)
      return undefined
    }
    if (!trust.believesAnnouncement(signature, announcement.id)) return undefined
    if (signature === 'signed' && announcement.unsignedAgoMs !== undefined) trust.heardOfUnsigned(announcement.unsignedAgoMs)
    if (announcement.id !== self?.id) return announcement
    if (announcement.startedAt !== warnedOfStart) log.warn({ event: 'duplicate-node-id', node: self.id, url: announcement.url }, 'another process announces this node\'s id: give each its own GATEPOST_NODE_ID')
    warnedOfStart = announcement.startedAt
    return undefined
  }

  function heardHeartbeat (subject: string, payload: Uint8Array): void {
    const announcement = readFromElsewhere(subject, payload)
    if (announcement === undefined) return
    const { isAccepted, events } = membership.heard(announcement, clock.now())
    if (!isAccepted) return
    handle(events)
    tell(heartbeatHandlers, membership.get(announcement.id as NodeId)!, log)
    if (broadcasts.receivedMs === undefined) return
    const publisher = receiveCounters.publisher(lifeToken(announcement.id as NodeId, announcement.startedAt))
    if (publisher === undefined) return
    const joinedMidway = broadcasts.receivedMs < intervals.settleMs && announcement.startedAt < createdAtMs
    if (receiveCounters.heardCount(publisher, announcement.sent, joinedMidway)) gapQuery.look(publisher)
  }

  function heardBye (subject: string, payload: Uint8Array): void {
    const announcement = readFromElsewhere(subject, payload)
    if (announcement === undefined) return
    const { isAccepted, events } = membership.saidBye(announcement, clock.now())
    if (!isAccepted) return
    if (broadcasts.receivedMs !== undefined) {
      const publisher = receiveCounters.publisher(lifeToken(announcement.id as NodeId, announcement.startedAt))
      if (publisher !== undefined && receiveCounters.heardCount(publisher, announcement.sent, false)) {
        receiveCounters.wasTold(publisher, Infinity)
        giveUp(publisher.node)
      }
    }
    handle(events)
  }

  // ---- time and the link

  function step (): void {
    const nowMs = performance.now()
    const elapsedMs = Math.min(nowMs - steppedAtMs, intervals.heartbeatMs / 2)
    steppedAtMs = nowMs
    isLinkProven = linkMonitor.step(elapsedMs)
    provenMs = isLinkProven ? provenMs + elapsedMs : 0
    if (isLinkProven) {
      listenedMs += elapsedMs
      broadcasts.advance(elapsedMs)
      publishLog.prune(nowMs)
    }
    handle(membership.advance(elapsedMs, isLinkProven))
  }

  function statusChanged (isConnected: boolean): void {
    provenMs = 0
    if (isConnected) heartbeatSender.linked()
    tell(connectedHandlers, isConnected, log)
  }

  if (self !== undefined) {
    rpc.answer(gapQueryKind, answerGapQuery({ startedAt: self.startedAt, publishLog, mark: () => { publishLog.mark(performance.now()) }, maxAnswerBytes: Math.min(maxLossAnswerBytes, bus.maxPayloadBytes / 2) }))
  }
  subscriptions.push(
    bus.subscribe(subjects.allHeartbeats, heardHeartbeat),
    bus.subscribe(subjects.allByes, heardBye),
    bus.subscribe(subjects.hello, heartbeatSender.soon),
    bus.onStatus(statusChanged)
  )
  if (bus.isConnected) heartbeatSender.linked()
  const heartbeatTimer = setInterval(heartbeatSender.now, intervals.heartbeatMs).unref()
  const stepTimer = setInterval(step, intervals.heartbeatMs / 4).unref()
  const sweepTimer = setInterval(receiveCounters.sweep, 10 * intervals.heartbeatMs).unref()

  const ask: Dispatch['ask'] = async (node, kind, body, timeoutMs = intervals.answerMs) => {
    if (state === 'closed') throw noLink()
    return await rpc.ask(node, kind, body, timeoutMs)
  }

  return {
    get isConnected () { return state === 'open' && bus.isConnected },
    get isResponsive () { return state === 'open' && bus.isConnected && isLinkProven },
    get isWhole () { return state === 'open' && bus.isConnected && provenMs >= intervals.settleMs && receiveCounters.doubted === 0 && !gapBatcher.isWaiting },
    get maxPayloadBytes () { return bus.maxPayloadBytes },
    get hasConverged () { return listenedMs >= intervals.settleMs },
    members: () => membership.members(),
    onMembers (handler) { return register(memberHandlers, handler) },
    onHeartbeat (handler) { return register(heartbeatHandlers, handler) },
    onConnected (handler) { return register(connectedHandlers, handler) },

    broadcast: broadcasts.broadcast,
    broadcastVolatile: broadcasts.broadcastVolatile,
    broadcastTopic: broadcasts.broadcastTopic,
    onArrival: broadcasts.onArrival,
    onTopic: broadcasts.onTopic,
    onDoubt (handler) { return register(doubtHandlers, handler) },

    ask,
    async askAll (kind, body, timeoutMs) {
      const asked = membership.members().filter(member => member.state !== 'down')
      const answers = new Map<NodeId, unknown>()
      await Promise.all(asked.map(async ({ id }) => {
        try {
          answers.set(id, await ask(id, kind, body, timeoutMs))
        } catch (error) {
          log.debug({ event: 'no-answer', member: id, kind, err: error }, 'a node did not answer')
        }
      }))
      return answers
    },
    answer: rpc.answer,

    join: heartbeatSender.join,
    announceNow: heartbeatSender.soon,
    async close () {
      if (state === 'closed') return
      heartbeatSender.bye()
      state = 'closed'
      heartbeatSender.close()
      for (const timer of [heartbeatTimer, stepTimer, sweepTimer]) clearInterval(timer)
      clearTimeout(tellTimer)
      gapQuery.close()
      gapBatcher.close()
      rpc.close()
      broadcasts.close()
      for (const unsubscribe of subscriptions) unsubscribe()
    }
  }
}
