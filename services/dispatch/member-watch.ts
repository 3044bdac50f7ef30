/**
 * Who the members are (membership.ts), by what other processes send and by their silence; and what a change of them sets off:
 * a log line, a look at the broadcasts that the member may have sent unheard (gap-watch.ts), a call of the handlers.
 *
 * Order: a suspected gap of a node that has gone is emitted before `onMembers` says so, because a ring built there lacks it.
 */
import type { Clock } from '../../shared/contract/clock.js'
import type { NodeId } from '../../shared/contract/names.js'
import { lifeToken } from '../../shared/contract/subjects.js'
import type { Log } from '../../shared/platform/log.js'
import type { GapWatch } from './broadcast/gap-watch.js'
import type { ReceiveCounters } from './broadcast/receive-counters.js'
import type { Dispatch, Member, MemberEvent } from './dispatch.js'
import { register, tell } from './handlers.js'
import type { HeartbeatReader } from './heartbeat-reader.js'
import type { Heartbeat } from './heartbeat.js'
import type { DispatchIntervals } from './intervals.js'
import { createMembership } from './membership.js'

export interface MemberWatch extends Pick<Dispatch, 'members' | 'onMembers' | 'onMemberEvent' | 'onHeartbeat'> {
  heardHeartbeat: (subject: string, payload: Uint8Array) => void
  heardBye: (subject: string, payload: Uint8Array) => void
  /** This node's own: the bus does not return it. */
  heardOwn: (heartbeat: Heartbeat) => void
  advance: (elapsedMs: number, isLinkProven: boolean) => void
  /** No other node is known that is not down. */
  isAlone: () => boolean
  /** Every other node that is not down is by interest. */
  isByInterest: () => boolean
  close: () => void
}

export interface MemberWatchOptions {
  readonly self: NodeId | undefined
  readonly intervals: DispatchIntervals
  readonly read: HeartbeatReader
  readonly gapWatch: Pick<GapWatch, 'heardHeartbeat' | 'heardBye' | 'lifeEnded'>
  readonly receiveCounters: Pick<ReceiveCounters, 'forget'>
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
}

/** Handlers get changes that come together in one call: every ring is rebuilt at each. */
const notifyAfterMs = 20

export function createMemberWatch ({ self, intervals, read, gapWatch, receiveCounters, clock, log }: MemberWatchOptions): MemberWatch {
  const membership = createMembership(intervals, self)
  const memberHandlers = new Set<(members: readonly Member[]) => void>()
  const eventHandlers = new Set<(event: MemberEvent) => void>()
  const heartbeatHandlers = new Set<(member: Member) => void>()
  let notifiedRevision = 0
  let timer: NodeJS.Timeout | undefined

  function notify (): void {
    timer = undefined
    notifiedRevision = membership.revision
    tell(memberHandlers, membership.members(), log)
  }

  function handle (events: readonly MemberEvent[]): void {
    for (const event of events) {
      log.info({ event: 'member', member: event.node, change: event.kind, ...(event.kind === 'changed' ? { from: event.from, to: event.to } : {}), ...(event.kind === 'lifeEnded' ? { reason: event.reason } : {}) }, `member ${event.kind}`)
      if (event.node === self) continue
      if (event.kind === 'lifeEnded' && event.reason !== 'bye') gapWatch.lifeEnded(event.node, event.startedAt)
      if (event.kind === 'forgotten') receiveCounters.forget(lifeToken(event.node, event.startedAt))
      tell(eventHandlers, event, log)
    }
    if (membership.revision !== notifiedRevision) timer ??= setTimeout(notify, notifyAfterMs).unref()
  }

  return {
    heardHeartbeat (subject, payload) {
      const heartbeat = read(subject, payload)
      if (heartbeat === undefined) return
      const { isAccepted, events } = membership.heard(heartbeat, clock.now())
      if (!isAccepted) return
      handle(events)
      tell(heartbeatHandlers, membership.get(heartbeat.id as NodeId)!, log)
      gapWatch.heardHeartbeat(heartbeat)
    },
    heardBye (subject, payload) {
      const heartbeat = read(subject, payload)
      if (heartbeat === undefined) return
      const { isAccepted, events } = membership.saidBye(heartbeat, clock.now())
      if (!isAccepted) return
      gapWatch.heardBye(heartbeat)
      handle(events)
    },
    heardOwn (heartbeat) { handle(membership.heard(heartbeat, clock.now()).events) },
    advance (elapsedMs, isLinkProven) { handle(membership.advance(elapsedMs, isLinkProven)) },
    members: () => membership.members(),
    isAlone: () => membership.isAlone(),
    isByInterest: () => membership.isByInterest(),
    onMembers: handler => register(memberHandlers, handler),
    onMemberEvent: handler => register(eventHandlers, handler),
    onHeartbeat: handler => register(heartbeatHandlers, handler),
    close () { clearTimeout(timer) }
  }
}
