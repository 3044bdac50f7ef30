/** What a node believes of a stream's head, while others append to it and entries expire. */
import fc from 'fast-check'
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { annStream, dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

const hourMs = 3_600_000

function start () {
  let nowMs = Date.UTC(2025, 0, 1)
  const clock = createClock(() => nowMs)
  const store = createMemoryStore({ now: clock.now })
  const heads = createHeads({ store, clock })
  const pass = (ms: number): void => { nowMs += ms; store.purge() }
  return { clock, store, heads, pass, other: plainAppender(store, clock) }
}

t.test('heads - an entry behind one that has come and gone unseen is noticed', async t => {
  const { clock, heads, pass, other } = start()
  await other.append(annStream, draftMessage(clock))
  await heads.fresh([annStream])
  pass(hourMs)
  await other.append(annStream, draftMessage(clock, { ttlMs: 60_000 }))
  pass(1)
  const { doc } = await other.append(annStream, draftMessage(clock))
  pass(26 * hourMs) // the short-lived one between the two is gone
  t.same(await heads.fresh([annStream]), [doc.seq])
})

t.test('heads - whatever is appended, purged and asked for in whatever order, the answer is the last entry', async t => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), ttlMs: fc.constantFrom(60_000, 40 * hourMs, 30 * dayMs), isSeen: fc.boolean() }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 1_800_000, 24.6 * hourMs, 26 * hourMs) }),
    fc.record({ kind: fc.constant('ask' as const) }))
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24, size: '+1' }), async steps => {
    const { clock, heads, pass, store, other } = start()
    for (const one of steps) {
      if (one.kind === 'pass') pass(one.ms)
      else if (one.kind === 'append') {
        const { doc } = await other.append(annStream, draftMessage(clock, { ttlMs: one.ttlMs }))
        if (one.isSeen) heads.see(annStream, doc)
      } else {
        const last = store.all<{ key: string, v: number, purgeAt: null, seq: number }>('entries').at(-1)
        const [found] = await heads.fresh([annStream])
        if (found !== (last?.seq ?? 0)) throw new Error(`got ${found}, the last is ${last?.seq}`)
      }
    }
  }), { numRuns: 500 })
  t.pass()
})
