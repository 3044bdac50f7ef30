import t from 'tap'
import type { NodeId } from '../../../shared/contract/names.js'
import type { Heartbeat } from '../../../services/dispatch/heartbeat.js'
import { defaultIntervals } from '../../../services/dispatch/intervals.js'
import type { MemberEvent } from '../../../services/dispatch/dispatch.js'
import { createMemberWatch } from '../../../services/dispatch/member-watch.js'
import { createMembership, type Membership } from '../../../services/dispatch/membership.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { idleLoad } from '../../helpers/dispatch-nodes.js'
import { until } from '../../helpers/until.js'

const stepMs = 250

interface World {
  readonly membership: Membership
  readonly events: MemberEvent[]
  states: () => string
  beat: (id: string, changes?: Partial<Heartbeat>) => boolean
  bye: (id: string, changes?: Partial<Heartbeat>) => boolean
  /** Lets time pass, with a heartbeat of these nodes each second. */
  pass: (ms: number, options?: { beating?: string[], isLinkProven?: boolean }) => void
}

function createWorld (self?: string): World {
  const membership = createMembership(defaultIntervals, self as NodeId | undefined)
  const events: MemberEvent[] = []
  let nowMs = 1_000_000
  const announcement = (id: string, changes: Partial<Heartbeat>): Heartbeat => ({ id, url: `http://${id}`, weight: 1, version: '1', startedAt: 5, state: 'up', load: idleLoad, sent: 0, time: 0, ...changes })
  const take = (result: { isAccepted: boolean, events: MemberEvent[] }): boolean => {
    events.push(...result.events)
    return result.isAccepted
  }
  const beat: World['beat'] = (id, changes = {}) => take(membership.heard(announcement(id, changes), nowMs))
  return {
    membership,
    events,
    states: () => membership.members().map(({ id, state }) => `${id}:${state}`).join(' '),
    beat,
    bye: (id, changes = {}) => take(membership.saidBye(announcement(id, changes), nowMs)),
    pass (ms, { beating = [], isLinkProven = true } = {}) {
      for (let passed = stepMs; passed <= ms; passed += stepMs) {
        nowMs += stepMs
        events.push(...membership.advance(stepMs, isLinkProven))
        if (passed % 1000 === 0) for (const id of beating) beat(id)
      }
    }
  }
}

void t.test('membership - silence makes suspect after 2.5 s, down after 4 s, and a heartbeat makes up again', async t => {
  const { beat, pass, states } = createWorld()
  beat('b')
  beat('a')
  t.equal(states(), 'a:up b:up')
  pass(2250, { beating: ['a'] })
  t.equal(states(), 'a:up b:up')
  pass(250)
  t.equal(states(), 'a:up b:suspect')
  beat('b')
  t.equal(states(), 'a:up b:up')
  pass(3750, { beating: ['a'] })
  t.equal(states(), 'a:up b:suspect')
  pass(250)
  t.equal(states(), 'a:up b:down')
  beat('b')
  t.equal(states(), 'a:up b:up')
})

void t.test('membership - a draining member is never suspect, and goes down by silence', async t => {
  const { beat, pass, states } = createWorld()
  beat('a', { state: 'draining' })
  pass(3750)
  t.equal(states(), 'a:draining')
  pass(250)
  t.equal(states(), 'a:down')
})

void t.test('membership - bye is down at once, listed for 10 minutes, then forgotten', async t => {
  const { beat, bye, pass, states, events } = createWorld()
  beat('a')
  t.equal(bye('a'), true)
  t.equal(states(), 'a:down')
  t.equal(bye('a'), false, 'once')
  t.equal(beat('a'), false, 'a late heartbeat of the same life changes nothing')
  t.equal(states(), 'a:down')
  pass(599_000)
  t.equal(states(), 'a:down')
  pass(1000)
  t.equal(states(), '')
  t.same(events.map(({ kind }) => kind), ['appeared', 'lifeEnded', 'changed', 'forgotten'])
  t.match(events[1], { reason: 'bye' })
})

void t.test('membership - another start is another life; an earlier one counts only where the later is down', async t => {
  const { beat, bye, pass, states, events, membership } = createWorld()
  beat('a', { startedAt: 5 })
  events.length = 0
  t.equal(beat('a', { startedAt: 9 }), true)
  t.match(events, [{ kind: 'lifeEnded', startedAt: 5, reason: 'replaced' }, { kind: 'forgotten', startedAt: 5 }, { kind: 'appeared', startedAt: 9 }])
  t.equal(beat('a', { startedAt: 5 }), false)
  t.equal(bye('a', { startedAt: 5 }), false, 'the bye of an earlier life is not that of this one')
  t.equal(states(), 'a:up')
  t.equal(membership.get('a' as NodeId)?.startedAt, 9)
  pass(4000)
  t.equal(states(), 'a:down')
  events.length = 0
  t.equal(beat('a', { startedAt: 7 }), true, 'a clock was set back')
  t.equal(states(), 'a:up')
  t.match(events, [{ kind: 'forgotten', startedAt: 9 }, { kind: 'appeared', startedAt: 7 }])
})

void t.test('membership - no verdict while the own link is not proven, and for 5 s after', async t => {
  const { beat, pass, states } = createWorld()
  beat('a')
  beat('b')
  pass(60_000, { isLinkProven: false })
  t.equal(states(), 'a:up b:up')
  pass(4750, { beating: ['a'] })
  t.equal(states(), 'a:up b:up')
  pass(1000, { beating: ['a'] })
  t.equal(states(), 'a:up b:down', 'who has not come back by then is down')
})

void t.test('membership - a bye and a heartbeat count while verdicts are frozen', async t => {
  const { beat, bye, pass, states } = createWorld()
  beat('a')
  pass(1000, { isLinkProven: false })
  pass(250)
  bye('a')
  beat('b')
  t.equal(states(), 'a:down b:up')
})

void t.test('membership - oneself is never judged by silence', async t => {
  const { beat, pass, states } = createWorld('me')
  beat('me')
  beat('a')
  pass(10_000)
  t.equal(states(), 'a:down me:up')
})

void t.test('membership - the revision grows with what a ring or a list shows, not with a heartbeat', async t => {
  const { beat, membership, pass } = createWorld()
  let last = membership.revision
  const grew = (): boolean => {
    const before = last
    last = membership.revision
    return last > before
  }
  beat('a')
  t.equal(grew(), true, 'a new member')
  beat('a', { load: { ...idleLoad, sockets: 5 }, sent: 7 })
  t.equal(grew(), false, 'load')
  t.equal(membership.members()[0]?.load.sockets, 5)
  beat('a', { weight: 2 })
  t.equal(grew(), true, 'weight')
  beat('a', { weight: 2, url: 'http://other' })
  t.equal(grew(), true, 'url')
  beat('a', { weight: 2, url: 'http://other', state: 'draining' })
  t.equal(grew(), true, 'state')
  beat('a', { weight: 2, url: 'http://other', state: 'draining', startedAt: 6 })
  t.equal(grew(), true, 'another life')
  const listed = membership.members()
  t.equal(membership.members(), listed)
  pass(4000)
  t.equal(grew(), true, 'down')
  t.not(membership.members(), listed)
})

void t.test('member watch - a life that ended without a goodbye is looked into before its counters are forgotten; handlers get all changes in one call', async t => {
  const seen: string[] = []
  const heartbeat = (id: string, changes: Partial<Heartbeat> = {}): Heartbeat => ({ id, url: `http://${id}`, weight: 1, version: '1', startedAt: 5, state: 'up', load: idleLoad, sent: 0, time: 0, ...changes })
  const watch = createMemberWatch({
    self: 'me' as NodeId,
    intervals: defaultIntervals,
    read: (_, payload) => JSON.parse(Buffer.from(payload).toString()) as Heartbeat,
    gapWatch: {
      heardHeartbeat: ({ id, sent }) => { seen.push(`heartbeat ${id} ${sent}`) },
      heardBye: ({ id }) => { seen.push(`bye ${id}`) },
      lifeEnded: (id, startedAt) => { seen.push(`ended ${id} ${startedAt}`) }
    },
    receiveCounters: { forget: () => { seen.push('forget') } },
    clock: { now: () => 1_000_000 },
    log: createSilentLog()
  })
  const hear = (one: Heartbeat): void => { watch.heardHeartbeat('test.hb', Buffer.from(JSON.stringify(one))) }
  watch.onMembers(members => { seen.push(`members ${members.map(({ id, state }) => `${id}:${state}`).join(' ')}`) })
  watch.onHeartbeat(({ id }) => { seen.push(`from ${id}`) })
  watch.heardOwn(heartbeat('me'))
  t.ok(watch.isAlone())
  hear(heartbeat('a'))
  hear(heartbeat('b'))
  t.notOk(watch.isAlone())
  await until('told', () => seen.some(line => line.startsWith('members')))
  t.same(seen, ['from a', 'heartbeat a 0', 'from b', 'heartbeat b 0', 'members a:up b:up me:up'])
  seen.length = 0
  hear(heartbeat('a', { startedAt: 6 }))
  t.same(seen, ['ended a 5', 'forget', 'from a', 'heartbeat a 0'], 'begun anew: what its last life sent may be missing')
  hear(heartbeat('a', { startedAt: 5 }))
  t.equal(seen.length, 4, 'a former life says nothing')
  seen.length = 0
  watch.heardBye('test.bye', Buffer.from(JSON.stringify(heartbeat('b', { sent: 3 }))))
  t.same(seen, ['bye b'])
  await until('told', () => seen.length > 1)
  t.same(seen.slice(1), ['members a:up b:down me:up'])
  watch.close()
})
