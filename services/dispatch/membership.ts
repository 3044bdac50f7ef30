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
 * Silence is measured in listening time. It advances only while this process's own link is proven to work, and each
 * step of it is bounded by the caller: after a pause of this process (a blocked loop, a stopped machine) the heartbeats
 * of the others wait to be read. When a broken link is back, nobody changes state by silence for `frozenMs`.
 */
import type { NodeId } from '../../shared/contract/names.js'
import type { Heartbeat } from './heartbeat.js'
import type { Member, MemberEvent, MemberState } from './dispatch.js'
import type { DispatchIntervals } from './intervals.js'

export interface Heard {
  /** False for a life that has been replaced or has said bye. */
  readonly isAccepted: boolean
  readonly events: MemberEvent[]
}

export interface Membership {
  /** `nowMs`: wall time. */
  heard: (heartbeat: Heartbeat, nowMs: number) => Heard
  saidBye: (heartbeat: Heartbeat, nowMs: number) => Heard
  /** Time goes on by so much (bounded by the caller); `isLinkProven`: the own link has been shown to work during it. */
  advance: (elapsedMs: number, isLinkProven: boolean) => MemberEvent[]
  /** Sorted by id; the same array until something changes. */
  members: () => readonly Member[]
  get: (node: NodeId) => Member | undefined
  /** No other node is known that is not down. */
  isAlone: () => boolean
  /** Every other node that is not down is by interest. */
  isByInterest: () => boolean
  /** Grows with each change of the set, a state, a weight, a url or a start. */
  readonly revision: number
}

type Intervals = Pick<DispatchIntervals, 'suspectAfterMs' | 'downAfterMs' | 'listedMs' | 'frozenMs'>

export function createMembership (intervals: Intervals, self: NodeId | undefined): Membership {
  return new MembershipTable(intervals, self)
}

/** The arrows of the table above, within one life. */
const arrows: Record<MemberState, readonly MemberState[]> = {
  up: ['draining', 'suspect', 'down'],
  draining: ['up', 'down'],
  suspect: ['up', 'draining', 'down'],
  down: ['up', 'draining']
}

interface Entry {
  /** Its `state` changes in `#become` only. */
  member: Member
  /** In listening time. */
  heardAtMs: number
  /** By `#passedMs`. */
  downSinceMs: number
  hasSaidBye: boolean
}

class MembershipTable implements Membership {
  readonly #intervals: Intervals
  readonly #self: NodeId | undefined
  readonly #entries = new Map<NodeId, Entry>()
  #sorted: Entry[] = []
  #listed: readonly Member[] | undefined
  #revision = 0
  /** As of a revision. */
  #others = { revision: -1, isAlone: true, isByInterest: true }
  #listenedMs = 0
  /** All time, listened to or not. */
  #passedMs = 0
  #wasLinkProven = true
  #frozenUntilMs = 0

  constructor (intervals: Intervals, self: NodeId | undefined) {
    this.#intervals = intervals
    this.#self = self
  }

  get revision (): number { return this.#revision }

  isAlone (): boolean { return this.#lookAtOthers().isAlone }
  isByInterest (): boolean { return this.#lookAtOthers().isByInterest }

  #lookAtOthers (): { isAlone: boolean, isByInterest: boolean } {
    if (this.#others.revision !== this.#revision) {
      const others = this.#sorted.filter(({ member }) => member.id !== this.#self && member.state !== 'down')
      this.#others = { revision: this.#revision, isAlone: others.length === 0, isByInterest: others.every(({ member }) => member.isByInterest) }
    }
    return this.#others
  }

  members (): readonly Member[] {
    this.#listed ??= this.#sorted.map(entry => entry.member)
    return this.#listed
  }

  get (node: NodeId): Member | undefined {
    return this.#entries.get(node)?.member
  }

  heard (heartbeat: Heartbeat, nowMs: number): Heard {
    const events: MemberEvent[] = []
    const node = heartbeat.id as NodeId
    const { startedAt } = heartbeat
    const entry = this.#entries.get(node)
    if (entry === undefined) {
      this.#appear(heartbeat, nowMs, events)
      return { isAccepted: true, events }
    }
    const was = entry.member
    const isSameLife = startedAt === was.startedAt
    if (isSameLife ? entry.hasSaidBye : startedAt < was.startedAt && was.state !== 'down') return { isAccepted: false, events }
    if (isSameLife && was.state !== 'down') {
      this.#refresh(entry, heartbeat, nowMs, events)
      return { isAccepted: true, events }
    }
    if (!isSameLife && was.state !== 'down') events.push({ kind: 'lifeEnded', node, startedAt: was.startedAt, reason: 'replaced' })
    if (!isSameLife) events.push({ kind: 'forgotten', node, startedAt: was.startedAt })
    this.#appear(heartbeat, nowMs, events)
    return { isAccepted: true, events }
  }

  saidBye (heartbeat: Heartbeat, nowMs: number): Heard {
    const events: MemberEvent[] = []
    const entry = this.#entries.get(heartbeat.id as NodeId)
    if (entry === undefined || entry.member.startedAt !== heartbeat.startedAt || entry.hasSaidBye) return { isAccepted: false, events }
    entry.hasSaidBye = true
    entry.member = { ...entry.member, lastSeen: nowMs }
    this.#listed = undefined
    if (entry.member.state !== 'down') this.#end(entry, 'bye', events)
    return { isAccepted: true, events }
  }

  advance (elapsedMs: number, isLinkProven: boolean): MemberEvent[] {
    const events: MemberEvent[] = []
    this.#passedMs += elapsedMs
    if (isLinkProven) {
      this.#listenedMs += elapsedMs
      if (!this.#wasLinkProven) this.#frozenUntilMs = this.#listenedMs + this.#intervals.frozenMs
    }
    this.#wasLinkProven = isLinkProven
    const isFrozen = !isLinkProven || this.#listenedMs < this.#frozenUntilMs
    for (const [node, entry] of this.#entries) {
      if (entry.member.state === 'down') this.#forgetIfOld(entry, events)
      else if (!isFrozen && node !== this.#self) this.#judgeSilence(entry, events)
    }
    return events
  }

  #judgeSilence (entry: Entry, events: MemberEvent[]): void {
    const silentMs = this.#listenedMs - entry.heardAtMs
    if (silentMs >= this.#intervals.downAfterMs) this.#end(entry, 'silence', events)
    else if (silentMs >= this.#intervals.suspectAfterMs && entry.member.state === 'up') this.#become(entry, 'suspect', events)
  }

  #forgetIfOld ({ member: { id: node, startedAt }, downSinceMs }: Entry, events: MemberEvent[]): void {
    if (this.#passedMs - downSinceMs < this.#intervals.listedMs) return
    this.#entries.delete(node)
    events.push({ kind: 'forgotten', node, startedAt })
    this.#resort()
  }

  #appear (heartbeat: Heartbeat, nowMs: number, events: MemberEvent[]): void {
    const member = toMember(heartbeat, heartbeat.state, nowMs)
    this.#entries.set(member.id, { member, heardAtMs: this.#listenedMs, downSinceMs: 0, hasSaidBye: false })
    events.push({ kind: 'appeared', node: member.id, startedAt: member.startedAt })
    this.#resort()
  }

  /** A heartbeat more of a life that is not down. */
  #refresh (entry: Entry, heartbeat: Heartbeat, nowMs: number, events: MemberEvent[]): void {
    const { state, url, weight } = entry.member
    entry.member = toMember(heartbeat, state, nowMs)
    entry.heardAtMs = this.#listenedMs
    this.#listed = undefined
    this.#become(entry, heartbeat.state, events)
    if (url !== heartbeat.url || weight !== heartbeat.weight) this.#revision++
  }

  #end (entry: Entry, reason: 'silence' | 'bye', events: MemberEvent[]): void {
    entry.downSinceMs = this.#passedMs
    events.push({ kind: 'lifeEnded', node: entry.member.id, startedAt: entry.member.startedAt, reason })
    this.#become(entry, 'down', events)
  }

  #become (entry: Entry, to: MemberState, events: MemberEvent[]): void {
    const { state: from, id: node } = entry.member
    if (from === to) return
    if (!arrows[from].includes(to)) throw new Error(`member ${node}: ${from} does not become ${to}`)
    entry.member = { ...entry.member, state: to }
    events.push({ kind: 'changed', node, from, to })
    this.#listed = undefined
    this.#revision++
  }

  #resort (): void {
    this.#sorted = [...this.#entries.values()].sort((a, b) => a.member.id < b.member.id ? -1 : 1)
    this.#listed = undefined
    this.#revision++
  }
}

const toMember = (heartbeat: Heartbeat, state: MemberState, nowMs: number): Member => ({
  id: heartbeat.id as NodeId,
  url: heartbeat.url,
  weight: heartbeat.weight,
  version: heartbeat.version,
  startedAt: heartbeat.startedAt,
  state,
  lastSeen: nowMs,
  load: heartbeat.load,
  isClockOff: heartbeat.isClockOff,
  revocations: heartbeat.revocations,
  isByInterest: heartbeat.pushed !== undefined
})
