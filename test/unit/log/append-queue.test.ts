/** The queue of one stream, alone: its states, its order, when it pauses, whom it refuses and how. */
import t from 'tap'
import { createClock, timeOfId } from '../../../shared/contract/clock.js'
import { entryKey } from '../../../shared/store/keys.js'
import type { ChainOutcome, EntryDoc } from '../../../shared/store/store.js'
import { createAppendGroups } from '../../../services/notifications/log/append-groups.js'
import type { AppendQueue } from '../../../services/notifications/log/append-queue.js'
import { createAppendQueues, type QueueContext, type Budget } from '../../../services/notifications/log/append-queue.js'
import { createAtomicGroup, type AtomicGroup, type Claim } from '../../../services/notifications/log/atomic-group.js'
import { placeEntry } from '../../../services/notifications/log/entry.js'
import type { Appended, PendingEntry } from '../../../services/notifications/log/pending-entry.js'
import type { Placed } from '../../../services/notifications/log/placing.js'
import { annStream, draftMessage } from '../../helpers/entry-drafts.js'
import { until } from '../../helpers/until.js'

const giveUpMs = 1_000
const all: Budget = { entries: 1_000, chars: 1_000_000 }

function start () {
  let nowMs = 0
  const clock = createClock()
  const backlog = { entries: 0, chars: 0 }
  const seen: string[] = []
  const context: QueueContext = {
    clock: { elapsed: () => nowMs },
    giveUpMs,
    backlog,
    onQueued: () => { seen.push('queued') },
    onStored: (_, { draft }, __, isNew) => { seen.push(`stored ${draft.id} ${isNew}`) },
    onUnknown: () => { seen.push('unknown') }
  }
  const queues = createAppendQueues(context)
  const queue = queues.of(annStream)
  const add = (group?: AtomicGroup): PendingEntry => {
    const draft = draftMessage(clock)
    const pending = queue.add(draft, timeOfId(draft.id), group)
    pending.promise.catch(() => {}) // whoever asks awaits it
    return pending
  }
  const docOf = ({ draft, time }: PendingEntry, prev = 0): EntryDoc => placeEntry(draft, entryKey(annStream, prev), time + 1, null)
  const placedOf = (pending: PendingEntry): Placed => ({ pending, doc: docOf(pending), prev: 0, isLate: false })
  /** One try of all that waits, which ends so. */
  const fail = (stopped: NonNullable<ChainOutcome['stopped']>): PendingEntry[] => {
    const taken = queue.take({ ...all })
    queue.stoppedBefore(taken.map(placedOf), stopped)
    end(taken)
    return taken
  }
  const end = (taken: readonly PendingEntry[]): void => {
    for (const pending of taken) pending.endTry()
    queue.giveBack(taken)
  }
  return { queues, queue, backlog, seen, add, docOf, fail, end, pass: (ms: number) => { nowMs += ms } }
}

const outcomeOf = async (pending: PendingEntry): Promise<Appended | string> => await pending.promise.catch((error: unknown) => (error as { code: string }).code)

t.test('append queue - idle, queued, in flight, and idle again once all of it is stored', async t => {
  const { queues, queue, backlog, seen, add, docOf, end } = start()
  t.equal(queue.state, 'idle')
  const one = add()
  t.equal(queue.state, 'queued')
  t.same(backlog, { entries: 1, chars: one.draft.text.length })
  const taken = queue.take({ ...all })
  t.same(taken, [one])
  t.equal(queue.state, 'inFlight')
  t.equal(queues.known(annStream), queue)
  const doc = docOf(one)
  queue.settle(one, doc, true)
  queue.wentWell()
  end(taken)
  t.equal(queue.state, 'idle')
  t.equal(queues.known(annStream), undefined, 'an idle one is forgotten')
  t.same(await one.promise, { doc, isNew: true })
  t.same(seen, ['queued', `stored ${one.draft.id} true`])
  t.same(backlog, { entries: 0, chars: 0 })
  t.equal(queue.pendingOf(one.draft.id), undefined)
})

t.test('append queue - a state goes only where it may', t => {
  const { queue, add } = start()
  t.throws(() => { queue.giveBack([]) }, /idle cannot become/)
  const one = add()
  t.throws(() => { queue.giveBack([one]) }, /queued cannot become/)
  queue.take({ ...all })
  add()
  t.throws(() => queue.take({ ...all }), /inFlight cannot become inFlight/)
  t.end()
})

t.test('append queue - what comes meanwhile waits, and goes behind what is given back', async t => {
  const { queue, add, docOf, end, fail } = start()
  const first = [add(), add()]
  const taken = queue.take({ ...all })
  const later = add()
  t.equal(queue.state, 'inFlight')
  queue.settle(first[0]!, docOf(first[0]!), true)
  queue.stoppedBefore([{ pending: first[1]!, doc: docOf(first[1]!), prev: 1, isLate: false }], 'refused')
  end(taken)
  t.equal(queue.state, 'pausing')
  await until('the pause is over', () => queue.state === 'queued')
  t.same(fail('refused'), [first[1], later])
})

t.test('append queue - takes no more than the budget leaves', t => {
  const { queue, add, end } = start()
  const waiting = [add(), add(), add()]
  const budget = { entries: 2, chars: 1_000_000 }
  const taken = queue.take(budget)
  t.same(taken, waiting.slice(0, 2))
  t.equal(budget.entries, 0)
  end(taken)
  t.equal(queue.state, 'queued', 'no failure: nothing to pause for')
  t.same(queue.take({ entries: 0, chars: 1 }), [])
  t.equal(queue.state, 'queued')
  t.same(queue.take({ ...all }), waiting)
  t.end()
})

t.test('append queue - after which time an entry is refused, and with what code', async t => {
  const rows: Array<{ why: string, tries: Array<NonNullable<ChainOutcome['stopped']>>, factor: number, code: string }> = [
    { why: 'surely not stored', tries: ['refused', 'refused'], factor: 1, code: 'GP_STORE_UNAVAILABLE' },
    { why: 'a try without an outcome', tries: ['unknown', 'unknown'], factor: 3, code: 'GP_OUTCOME_UNKNOWN' },
    { why: 'in doubt, whatever came after it', tries: ['unknown', 'refused'], factor: 3, code: 'GP_OUTCOME_UNKNOWN' },
    { why: 'conflicts', tries: ['exists', 'exists'], factor: 3, code: 'GP_STORE_UNAVAILABLE' }
  ]
  for (const { why, tries, factor, code } of rows) {
    const { queue, add, fail, pass, seen, backlog } = start()
    const one = add()
    fail(tries[0]!)
    await until('the pause is over', () => queue.state === 'queued')
    pass(factor * giveUpMs)
    fail(tries[1]!)
    await until('the pause is over', () => queue.state === 'queued')
    t.equal(one.fate.is, tries[0] === 'unknown' ? 'inDoubt' : 'open', `${why}: not yet`)
    pass(1)
    fail(tries[1]!)
    t.equal(queue.state, 'idle', why)
    t.equal(await outcomeOf(one), code, why)
    t.equal(seen.includes('unknown'), tries[0] === 'unknown', `${why}: its stream is looked at again where something may still land`)
    t.same(backlog, { entries: 0, chars: 0 })
  }
})

t.test('append queue - an entry in doubt keeps its document until its position turns out to be taken', async t => {
  const { queue, add, docOf } = start()
  const one = add()
  const doc = docOf(one)
  const tried = async (stopped: NonNullable<ChainOutcome['stopped']>): Promise<void> => {
    const taken = queue.take({ ...all })
    queue.stoppedBefore([{ pending: one, doc, prev: 0, isLate: false }], stopped)
    one.endTry()
    queue.giveBack(taken)
    await until('the pause is over', () => queue.state === 'queued')
  }
  await tried('refused')
  t.equal(one.doubtful, undefined)
  await tried('unknown')
  t.equal(one.doubtful, doc)
  await tried('refused')
  t.equal(one.doubtful, doc)
  t.equal(queue.isBehind, false)
  await tried('exists')
  t.same(one.fate, { is: 'inDoubt', doc: undefined })
  t.equal(queue.isBehind, true)
})

t.test('append queue - an entry of a group that was refused is given up at once; one whose group is stored in part waits longer', async t => {
  const { queue, add, fail, pass } = start()
  const [refused, begun] = [createAtomicGroup(), createAtomicGroup()]
  const [one, other] = [add(refused), add(begun)]
  t.equal(refused.tries, 0)
  refused.state = 'refused'
  begun.state = 'begun'
  pass(2 * giveUpMs)
  fail('refused')
  t.equal(await outcomeOf(one), 'GP_STORE_UNAVAILABLE')
  t.equal(other.fate.is, 'open')
  await until('the pause is over', () => queue.state === 'queued')
  pass(2 * giveUpMs)
  fail('refused')
  t.equal(await outcomeOf(other), 'GP_OUTCOME_UNKNOWN')
})

t.test('append queue - an entry whose claim is lost is given up at once, with its group, and what came behind it is next', async t => {
  const claim = (): Claim => ({ doc: { key: 'k', v: 0, purgeAt: null, text: '' }, isSame: () => false, isLost: false })
  const { queue, add, docOf, fail } = start()
  const [lost, begun] = [createAtomicGroup(claim()), createAtomicGroup(claim())]
  const [one, other] = [add(lost), add()]
  fail('unclaimed')
  t.equal(await outcomeOf(one), 'GP_STORE_UNAVAILABLE')
  t.same([lost.state, lost.claim?.isLost], ['refused', true])
  t.same([queue.state, other.fate.is], ['queued', 'open'], 'without a pause')
  queue.settle(other, docOf(other), true)

  const third = add(begun)
  begun.state = 'begun'
  fail('unclaimed')
  t.same([queue.state, third.fate.is, begun.claim?.isLost], ['pausing', 'open', false], 'one of it is stored: it is not said that nothing is')
})

t.test('append queue - a group that an entry under way, or in doubt, becomes part of knows it', async t => {
  const { queue, add, fail, end } = start()
  const one = add()
  const taken = queue.take({ ...all })
  const group = createAtomicGroup()
  one.join(group)
  t.match(group, { state: 'open', tries: 1 })
  end(taken)
  t.match(group, { state: 'open', tries: 0 })
  one.join(createAtomicGroup())
  t.equal(one.group, group, 'the first one')
  const other = add()
  fail('unknown')
  const late = createAtomicGroup()
  other.join(late)
  t.match(late, { state: 'begun', tries: 0 })
})

/** Queues that are never empty, over two shards, and groups that a test ends. */
function startGroups ({ maxInFlight = 1, maxEntries = 5 } = {}) {
  const waiting = new Map<string, number>()
  const running: Array<{ names: string[], entries: number, end: () => void }> = []
  const ended: number[] = []
  const groups = createAppendGroups({
    shardOf: queue => queue.stream.split(' ')[0]!,
    maxInFlight,
    maxEntries,
    run: async group => await new Promise(resolve => {
      running.push({ names: group.map(({ queue }) => queue.stream), entries: group.reduce((sum, { entries }) => sum + entries.length, 0), end: resolve })
    }),
    onEnd: () => { ended.push(running.length) }
  })
  const queues = new Map<string, AppendQueue>()
  const enqueue = (name: string, count: number): void => {
    waiting.set(name, (waiting.get(name) ?? 0) + count)
    const queue = queues.get(name) ?? {
      stream: name,
      take: (budget: { entries: number }) => {
        const taken = Math.min(budget.entries, waiting.get(name)!)
        budget.entries -= taken
        waiting.set(name, waiting.get(name)! - taken)
        return Array.from({ length: taken })
      }
    } as unknown as AppendQueue
    queues.set(name, queue)
    groups.enqueue(queue)
  }
  return { groups, running, ended, enqueue }
}

t.test('append groups - what comes in one turn is one call for each shard, in order, within the bounds of a group', async t => {
  const { groups, running, enqueue } = startGroups()
  enqueue('a 1', 2)
  enqueue('b 1', 1)
  enqueue('a 2', 2)
  enqueue('a 3', 3)
  t.same(running, [])
  t.notOk(groups.isAtWork)
  await until('both shards', () => running.length === 2)
  t.match(running, [{ names: ['a 1', 'a 2', 'a 3'], entries: 5 }, { names: ['b 1'], entries: 1 }])
  t.ok(groups.isAtWork)
  t.equal(groups.begun, 2)
})

t.test('append groups - a shard that does not answer holds up no other; what waits for it goes when it does', async t => {
  const { groups, running, ended, enqueue } = startGroups({ maxInFlight: 2 })
  for (const name of ['a 1', 'a 2', 'a 3']) {
    enqueue(name, 1)
    await new Promise(resolve => setImmediate(resolve))
  }
  enqueue('b 1', 1)
  await until('the other shard', () => running.some(({ names }) => names[0] === 'b 1'))
  t.same(running.map(({ names }) => names), [['a 1'], ['a 2'], ['b 1']], 'at most two of a shard')
  running[0]!.end()
  await until('the next', () => running.length === 4)
  t.same(running[3]!.names, ['a 3'])
  for (const { end } of running) end()
  await until('the end', () => !groups.isAtWork)
  t.equal(ended.length, 4)
})
