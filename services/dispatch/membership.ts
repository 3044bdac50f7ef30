/**
 * Who is there. A state machine without effects: events and passing time go in, what changed comes out.
 *
 * | state | means | left by |
 * | --- | --- | --- |
 * | `up`, `draining` | as the node announced | silence: `up` → `suspect`, both → `down`; `bye` → `down` |
 * | `suspect` | silent for `suspectAfterMs` | a heartbeat → as announced; silence → `down`; `bye` → `down` |
 * | `down` | silent for `downAfterMs`, or said `bye`; listed for `listedMs` | a heartbeat → as announced (after `bye`: of another life only); time → forgotten |
 *
 * A `draining` member does not become `suspect`: a suspect one may be given to users where there is no other.
 *
 * Lives: another `startedAt` under the same id. A later start replaces an earlier one; an earlier one counts only
 * when the later is down (a clock set back), else two processes that share an id would take turns.
 *
 * Silence is what this process has listened to without hearing: that time passes only while its own link is proven
 * to work, and the caller bounds each step of it: in a pause of this process (a blocked loop, a stopped machine) what
 * the others said waits to be read. When a broken link is back no verdict is made for `frozenMs`.
 */
import type { NodeId } from '../../shared/contract/names.js'
import type { Heartbeat } from './heartbeat.js'
import type { Member, MemberState } from './dispatch.js'
import type { DispatchIntervals } from './intervals.js'

/** `appeared`: unknown or down before; `lifeEnded`: silent for too long, said bye, or was replaced by another life; `forgotten`: that life. */
export type MembershipEvent =
  | { readonly kind: 'appeared', readonly node: NodeId, readonly startedAt: number }
  | { readonly kind: 'changed', readonly node: NodeId, readonly from: MemberState, readonly to: MemberState }
  | { readonly kind: 'lifeEnded', readonly node: NodeId, readonly startedAt: number, readonly reason: 'silence' | 'bye' | 'replaced' }
  | { readonly kind: 'forgotten', readonly node: NodeId, readonly startedAt: number }

export interface Membership {
  /** `isAccepted` is false for a life that has been replaced or has said bye. `nowMs`: wall time. */
  heard: (announcement: Heartbeat, nowMs: number) => { isAccepted: boolean, events: MembershipEvent[] }
  saidBye: (announcement: Heartbeat, nowMs: number) => { isAccepted: boolean, events: MembershipEvent[] }
  /** Time goes on by so much (bounded by the caller); `isLinkProven`: the own link has been shown to work during it. */
  advance: (elapsedMs: number, isLinkProven: boolean) => MembershipEvent[]
  /** Sorted by id; the same array until something changes. */
  members: () => readonly Member[]
  get: (node: NodeId) => Member | undefined
  /** No other node is known that is not down. */
  isAlone: () => boolean
  /** Grows with each change of the set, a state, a weight, a url or a start. */
  readonly revision: number
}

interface Entry {
  member: Member
  /** In listening time. */
  heardAtMs: number
  /** By `passedMs`. */
  downSinceMs: number
  hasSaidBye: boolean
}

export function createMembership (intervals: Pick<DispatchIntervals, 'suspectAfterMs' | 'downAfterMs' | 'listedMs' | 'frozenMs'>, self: NodeId | undefined): Membership {
  const entries = new Map<NodeId, Entry>()
  let sorted: Entry[] = []
  let listed: readonly Member[] | undefined
  let revision = 0
  /** As of a revision. */
  let alone = { revision: -1, isAlone: true }
  let listenedMs = 0
  /** All time, listened to or not. */
  let passedMs = 0
  let wasLinkProven = true
  let frozenUntilMs = 0

  function setState (entry: Entry, to: MemberState, events: MembershipEvent[]): void {
    const { state: from, id: node } = entry.member
    if (from === to) return
    entry.member = { ...entry.member, state: to }
    events.push({ kind: 'changed', node, from, to })
    touch(true)
  }

  function end (entry: Entry, reason: 'silence' | 'bye', events: MembershipEvent[]): void {
    entry.downSinceMs = passedMs
    events.push({ kind: 'lifeEnded', node: entry.member.id, startedAt: entry.member.startedAt, reason })
    setState(entry, 'down', events)
  }

  function touch (isRevision: boolean): void {
    listed = undefined
    if (isRevision) revision++
  }

  function resort (): void {
    sorted = [...entries.values()].sort((a, b) => a.member.id < b.member.id ? -1 : 1)
    touch(true)
  }

  const toMember = (announcement: Heartbeat, state: MemberState, nowMs: number): Member => ({
    id: announcement.id as NodeId,
    url: announcement.url,
    weight: announcement.weight,
    version: announcement.version,
    startedAt: announcement.startedAt,
    state,
    lastSeen: nowMs,
    load: announcement.load,
    isClockOff: announcement.isClockOff,
    revocations: announcement.revocations
  })

  return {
    isAlone () {
      if (alone.revision !== revision) alone = { revision, isAlone: !sorted.some(({ member }) => member.id !== self && member.state !== 'down') }
      return alone.isAlone
    },

    heard (announcement, nowMs) {
      const events: MembershipEvent[] = []
      const node = announcement.id as NodeId
      const { startedAt, state } = announcement
      const entry = entries.get(node)
      if (entry === undefined) {
        entries.set(node, { member: toMember(announcement, state, nowMs), heardAtMs: listenedMs, downSinceMs: 0, hasSaidBye: false })
        resort()
        events.push({ kind: 'appeared', node, startedAt })
        return { isAccepted: true, events }
      }
      const was = entry.member
      const isSameLife = startedAt === was.startedAt
      if (isSameLife ? entry.hasSaidBye : startedAt < was.startedAt && was.state !== 'down') return { isAccepted: false, events }
      if (!isSameLife && was.state !== 'down') events.push({ kind: 'lifeEnded', node, startedAt: was.startedAt, reason: 'replaced' })
      if (!isSameLife) events.push({ kind: 'forgotten', node, startedAt: was.startedAt })
      if (!isSameLife || was.state === 'down') events.push({ kind: 'appeared', node, startedAt })
      else if (was.state !== state) events.push({ kind: 'changed', node, from: was.state, to: state })
      entry.member = toMember(announcement, state, nowMs)
      entry.heardAtMs = listenedMs
      entry.hasSaidBye = false
      touch(!isSameLife || was.state !== state || was.url !== announcement.url || was.weight !== announcement.weight)
      return { isAccepted: true, events }
    },

    saidBye (announcement, nowMs) {
      const events: MembershipEvent[] = []
      const entry = entries.get(announcement.id as NodeId)
      if (entry === undefined || entry.member.startedAt !== announcement.startedAt || entry.hasSaidBye) return { isAccepted: false, events }
      entry.hasSaidBye = true
      entry.member = { ...entry.member, lastSeen: nowMs }
      touch(false)
      if (entry.member.state !== 'down') end(entry, 'bye', events)
      return { isAccepted: true, events }
    },

    advance (elapsedMs, isLinkProven) {
      const events: MembershipEvent[] = []
      passedMs += elapsedMs
      if (isLinkProven) {
        listenedMs += elapsedMs
        if (!wasLinkProven) frozenUntilMs = listenedMs + intervals.frozenMs
      }
      wasLinkProven = isLinkProven
      const isFrozen = !isLinkProven || listenedMs < frozenUntilMs
      for (const [node, entry] of entries) {
        const { state } = entry.member
        if (state === 'down') {
          if (passedMs - entry.downSinceMs >= intervals.listedMs) {
            entries.delete(node)
            events.push({ kind: 'forgotten', node, startedAt: entry.member.startedAt })
            resort()
          }
          continue
        }
        if (isFrozen || node === self) continue
        const silentMs = listenedMs - entry.heardAtMs
        if (silentMs >= intervals.downAfterMs) end(entry, 'silence', events)
        else if (silentMs >= intervals.suspectAfterMs && state === 'up') setState(entry, 'suspect', events)
      }
      return events
    },

    members () {
      listed ??= sorted.map(entry => entry.member)
      return listed
    },
    get: node => entries.get(node)?.member,
    get revision () { return revision }
  }
}
