/** What it costs to look for messages by their ids, in documents read: ids that nobody has cost no more than those that are there. */
import fc from 'fast-check'
import t from 'tap'
import { createClock, createMessageId, ticksPerMs, type Clock } from '../../../shared/contract/clock.js'
import type { Store } from '../../../shared/store/store.js'
import { createMessageFinder } from '../../../services/notifications/log/find-messages.js'
import type { EntryDraft } from '../../../services/notifications/log/entry.js'
import { annStream, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore, type MemoryStore } from '../../helpers/memory-store.js'

/** The store, counting the commands and the documents that they give. */
function counting (store: MemoryStore): { store: Store, read: () => { commands: number, docs: number } } {
  let commands = 0
  let docs = 0
  const count = <T extends readonly unknown[]>(found: T): T => {
    commands++
    docs += found.filter(doc => doc !== undefined).length
    return found
  }
  return {
    store: {
      ...store,
      range: async (...args) => count(await store.range(...args)),
      lasts: async (...args) => count(await store.lasts(...args)),
      get: async (...args) => count(await store.get(...args))
    },
    read: () => {
      const was = { commands, docs }
      commands = docs = 0
      return was
    }
  }
}

/** A stream with so many messages in a minute, ids that are in it, and how to make ones that are not. */
async function minuteOf (count: number): Promise<{ clock: Clock, memory: MemoryStore, ids: string[], startMs: number, madeUp: (n: number) => string[] }> {
  const startMs = Date.UTC(2025, 0, 1)
  let nowMs = startMs
  const clock = createClock(() => nowMs)
  const memory = createMemoryStore({ now: clock.now })
  const appender = plainAppender(memory, clock)
  const ids: string[] = []
  for (let done = 0; done < count; done += 500) {
    const drafts: EntryDraft[] = []
    for (let i = 0; i < 500; i++) {
      nowMs = startMs + (done + i) * 60_000 / count
      drafts.push(draftMessage(clock))
    }
    ids.push(...drafts.map(({ id }) => id))
    await Promise.all(drafts.map(async draft => await appender.append(annStream, draft)))
  }
  const from = clock.tick() - 60_000 * ticksPerMs
  return { clock, memory, ids, startMs, madeUp: n => Array.from({ length: n }, (_, i) => createMessageId(from + Math.floor((i + 0.5) * 60_000 * ticksPerMs / n), undefined)) }
}

t.test('finding - a thousand ids that nobody has, in a minute with ten thousand messages', async t => {
  const { memory, ids, madeUp } = await minuteOf(10_000)
  const { store, read } = counting(memory)
  const { find } = createMessageFinder({ store })
  t.equal((await find(annStream, madeUp(1_000))).size, 0)
  const first = read()
  t.ok(first.docs <= 12_000, 'the minute once, and the entry before each', first)
  t.ok(first.commands <= 100, 'in pages', first)
  t.equal((await find(annStream, madeUp(1_000))).size, 0)
  const second = read()
  t.ok(second.docs <= 1_100 && second.commands <= 1_010, 'what was read is known', second)
  for (const id of madeUp(50)) t.equal((await find(annStream, [id])).size, 0)
  const single = read()
  t.ok(single.docs <= 50 && single.commands <= 150, 'one at a time costs what one that is there costs', single)
  t.equal((await find(annStream, ids.slice(-50))).size, 50)
  t.ok(read().docs <= 100)
})

t.test('finding - in a stream that grows, what is remembered grows with it', async t => {
  const { clock, memory, madeUp } = await minuteOf(2_000)
  const { store, read } = counting(memory)
  const { find } = createMessageFinder({ store })
  await find(annStream, madeUp(1))
  read()
  const other = plainAppender(memory, clock)
  const draft = draftMessage(clock)
  await find(annStream, [draft.id])
  await other.append(annStream, draft)
  t.equal((await find(annStream, [draft.id])).get(draft.id)?.id, draft.id)
  for (let i = 0; i < 20; i++) await find(annStream, [createMessageId(clock.tick(), undefined)])
  const { docs } = read()
  t.ok(docs <= 4_100, 'nothing is read again', { docs })
})

t.test('finding - what is purged or erased after it was read is not answered as it was', async t => {
  const { memory, ids, madeUp } = await minuteOf(500)
  const { find } = createMessageFinder({ store: memory })
  await find(annStream, madeUp(10))
  const doc = (await find(annStream, [ids[7]!])).get(ids[7]!)!
  await memory.replace('entries', [{ was: doc.v, doc: { ...doc, v: doc.v + 1, recalled: 99 } }])
  t.equal((await find(annStream, [doc.id])).get(doc.id)?.recalled, 99)
  await memory.remove('entries', [doc.key])
  t.equal((await find(annStream, [doc.id])).size, 0)
})

t.test('finding - whatever is appended late or in time, purged and asked for before: all that is there is found, and nothing else', async t => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), lateMs: fc.constantFrom(0, 0, 0, 5, 2_000, 70_000), count: fc.constantFrom(1, 3, 40) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 500, 40_000, 90_000) }),
    fc.record({ kind: fc.constant('ask' as const), of: fc.constantFrom('some', 'all', 'none') }))
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 20, size: '+1' }), fc.infiniteStream(fc.nat()), async (steps, nats) => {
    let nowMs = Date.UTC(2025, 0, 1)
    const clock = createClock(() => nowMs)
    const store = createMemoryStore({ now: clock.now })
    const appender = plainAppender(store, clock)
    const { find } = createMessageFinder({ store })
    const ids: string[] = []
    const pick = (): number => nats.next().value as number
    for (const one of [...steps, { kind: 'ask' as const, of: 'all' }]) {
      if (one.kind === 'pass') nowMs += one.ms
      else if (one.kind === 'append') {
        const drafts = Array.from({ length: one.count }, () => draftMessage(clock))
        nowMs += one.lateMs
        await Promise.all(drafts.map(async draft => await appender.append(annStream, draft)))
        ids.push(...drafts.map(({ id }) => id))
      } else {
        const there = one.of === 'none' ? [] : one.of === 'all' ? ids : ids.filter(() => pick() % 3 === 0)
        const madeUp = Array.from({ length: pick() % 20 }, () => createMessageId(clock.tick() - pick() % 100_000 * ticksPerMs, undefined))
        const found = await find(annStream, [...there, ...madeUp])
        if (found.size !== there.length || !there.every(id => found.get(id)?.id === id)) throw new Error(`found ${found.size} of ${there.length}`)
      }
    }
  }), { numRuns: 200 })
  t.pass()
})
