/** A reader that follows its cursor page by page, against all that lies in the stream. */
import fc from 'fast-check'
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'
import { emptyState, flagsOf, foldChange } from '../../../services/notifications/mailbox/state/user-state.js'
import { recover } from '../../../services/notifications/mailbox/replay.js'
import { annStream, dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

const hourMs = 3_600_000
interface Wire { type: string, seq: number, prev: number, id?: string }

async function follow (reader: { store: ReturnType<typeof createMemoryStore>, now: () => number }, state: ReturnType<typeof emptyState>, from: number, limit: number, maxChars: number): Promise<Wire[]> {
  const wires: Wire[] = []
  for (let cursor = from, pages = 0; pages < 200; pages++) {
    const page = await recover(reader, state, annStream, cursor, limit, maxChars)
    wires.push(...page.wires.map(wire => JSON.parse(wire) as Wire))
    if (page.cursor === cursor) return wires
    cursor = page.cursor
  }
  throw new Error('the pages have no end')
}

/** What CONTRACT.md section 6 says of `prev`. */
function checkLinks (wires: readonly Wire[], from: number): void {
  let at = from
  for (const { seq, prev } of wires) {
    if (seq <= at) throw new Error(`${seq} comes after ${at}`)
    if (prev !== at && prev !== 0) throw new Error(`${seq} names ${prev}, the reader had ${at}`)
    at = seq
  }
}

const anyStep = fc.record({ ttlMs: fc.constantFrom(1, 30 * hourMs, 30 * dayMs), passMs: fc.constantFrom(1, 1, 1, 2 * hourMs, 26 * hourMs), isDeleted: fc.boolean(), isLog: fc.boolean() })

t.test('recovery - from whatever cursor, in pages of whatever size: every visible entry once, in order, linked', async t => {
  let purged = 0
  let steppedBack = 0
  await fc.assert(fc.asyncProperty(
    fc.array(anyStep, { minLength: 1, maxLength: 40, size: '+1' }), fc.integer({ min: 1, max: 5 }), fc.constantFrom(1, 1e6), fc.nat(30), fc.constantFrom(-1, 0, 0, 0, 1),
    async (steps, limit, maxChars, cursorAt, bogus) => {
      let nowMs = Date.UTC(2025, 0, 1)
      const now = (): number => nowMs
      const clock = createClock(now)
      const store = createMemoryStore({ now })
      const { append } = plainAppender(store, clock)
      const state = emptyState(annStream)
      const seqs = [0]
      for (const { ttlMs, passMs, isDeleted, isLog } of steps) {
        const draft = draftMessage(clock, { ttlMs })
        const { doc } = await append(annStream, isLog && isDeleted ? { kind: 'log', id: draft.id, expiresAt: draft.expiresAt, text: '' } : draft)
        seqs.push(doc.seq)
        if (isDeleted && !isLog) foldChange(state, state.foldedTo + 1, { type: 'mark', messages: [{ id: doc.id, stream: annStream, seq: doc.seq, category: 'general', expiresAt: doc.expiresAt }], deleted: true })
        nowMs += passMs
        purged += store.purge()
      }
      const from = Math.max(0, (seqs[cursorAt] ?? seqs.at(-1)!) + bogus)
      const alive = store.all<EntryDoc>('entries')
      if (alive.some(({ key, seq }) => placeOfEntry(key).prev < from && placeOfEntry(key).prev > 0 && seq > from)) steppedBack++
      const wanted = alive.filter(doc => doc.seq > from && doc.kind === 'message' && doc.expiresAt > nowMs && !flagsOf(state, annStream, doc.seq, 'general').deleted).map(({ seq }) => seq)
      const wires = await follow({ store, now }, state, from, limit, maxChars)
      checkLinks(wires, from)
      const got = wires.filter(({ type }) => type === 'message').map(({ seq }) => seq)
      if (got.join() !== wanted.join()) throw new Error(`got ${got.join()}, wanted ${wanted.join()}`)
    }), { numRuns: 400 })
  t.ok(purged > 100, `purged: ${purged}`)
  t.ok(steppedBack > 5, `readers that stood behind a purged head: ${steppedBack}`)
})

t.test('recovery - a recall that lies in the same page hides what it recalled, and completes it', async t => {
  const clock = createClock()
  const store = createMemoryStore()
  const { append } = plainAppender(store, clock)
  const { doc } = await append(annStream, draftMessage(clock, { body: 'a secret' }))
  const { id, seq, expiresAt } = doc
  await append(annStream, { kind: 'change', id: draftMessage(clock).id, expiresAt, text: JSON.stringify({ type: 'recall', message: { id, stream: annStream, seq, category: 'general', expiresAt }, sender: 'p:shop' }) })
  const { wires } = await recover({ store, now: clock.now }, emptyState(annStream), annStream, 0, 10, 1e6)
  t.notMatch(wires.join(), /a secret/)
  t.match(JSON.parse(wires[0]!), { recalled: true, body: null })
  t.notMatch(JSON.stringify(store.all('entries')), /a secret/)
})
