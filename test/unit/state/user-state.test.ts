/** The fold of a user's changes, stored in pieces, cut short anywhere, purged and loaded again; against plain maps. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { decodeTime } from '../../../shared/contract/clock.js'
import { markPieceKey, stateBaseKey } from '../../../shared/store/keys.js'
import { allStream, type StreamId } from '../../../shared/contract/names.js'
import type { JsonDoc } from '../../../shared/store/store.js'
import { loadState, saveSteps } from '../../../services/notifications/mailbox/state/packed-state.js'
import { emptyState, flagsOf, foldChange, marksIn, type UserState } from '../../../services/notifications/mailbox/state/user-state.js'
import type { StoredChange } from '../../../services/notifications/log/change.js'
import { untouched, type Flags } from '../../../services/notifications/log/entry.js'
import { annStream } from '../../helpers/entry-drafts.js'

const limits = { maxBaseMarks: 3, maxPieceMarks: 4, keepPieceMs: 5 }
interface Message { readonly stream: StreamId, readonly seq: number, readonly category: string, readonly expiresAt: number }
/** Each seq lies in both streams; older messages expire first, with a few that outlive them. */
const messages: readonly Message[] = Array.from({ length: 40 }, (_, i) => ({
  stream: i % 2 === 0 ? allStream : annStream, seq: 10 + (i - i % 2), category: i % 4 === 0 ? 'news' : 'general', expiresAt: i % 7 === 0 ? 1e9 : 20 + 4 * i
}))

const at = fc.nat(messages.length - 1)
const anyStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('mark' as const), at: fc.array(at, { minLength: 1, maxLength: 3 }), read: fc.boolean(), archived: fc.boolean(), deleted: fc.constant(true as const), acted: fc.constantFrom('yes', 'no') }, { requiredKeys: ['kind', 'at'] }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('readTo' as const), to: at, category: fc.constantFrom('news', 'general') }, { requiredKeys: ['kind', 'to'] }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('save' as const), documents: fc.constantFrom(0, 1, 2, 3, 4, 5, Infinity, Infinity, Infinity) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('load' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 25 }) }) })

t.test('user state - folded, stored in pieces and loaded again, it says what plain maps say', async t => {
  const came = { pieces: 0, purged: 0, cut: 0, orphans: 0 }
  fc.assert(fc.property(fc.array(anyStep, { minLength: 10, maxLength: 150, size: '+1' }), steps => {
    const log: Array<{ seq: number, change: StoredChange }> = []
    const flags = messages.map((): Flags & { deleted: boolean } => ({ ...untouched, deleted: false }))
    const stored = new Map<string, JsonDoc>()
    let state: UserState = emptyState(annStream)
    let storedTo = 0
    let nowMs = 0

    const load = (): void => {
      const prefix = markPieceKey(annStream, 0).slice(0, -11)
      const pieces = [...stored.values()].filter(({ key }) => key.startsWith(prefix)).map(doc => ({ from: decodeTime(doc.key.slice(prefix.length)), doc }))
      state = loadState(annStream, stored.get(stateBaseKey(annStream)), pieces)
      came.orphans += state.orphans.size
      storedTo = state.foldedTo
      for (const { seq, change } of log) foldChange(state, seq, change)
    }
    const save = (wanted: number): void => {
      const due = saveSteps(state, storedTo, nowMs, limits)
      const { foldedTo } = state
      const documents = due.flatMap(({ pieces }) => pieces)
      for (const { was, doc, piece } of documents.slice(0, wanted)) {
        if (stored.get(doc.key)?.v !== was) { load(); return } // it was purged: begin again
        stored.set(doc.key, doc)
        piece.v = doc.v
      }
      if (wanted < documents.length) { came.cut++; load() } else storedTo = foldedTo
    }
    const fold = (change: StoredChange): void => {
      log.push({ seq: log.length + 1, change })
      foldChange(state, log.length, change)
    }

    for (const step of steps) {
      if (step.kind === 'mark') {
        const { read, archived, deleted, acted } = step
        const alive = step.at.filter(i => messages[i]!.expiresAt > nowMs)
        if (alive.length === 0) continue
        const set = { ...read !== undefined && { read }, ...archived !== undefined && { archived }, ...deleted !== undefined && { deleted }, ...acted !== undefined && { acted } }
        fold({ type: 'mark', messages: alive.map(i => ({ id: `m${i}`, ...messages[i]! })), ...set })
        for (const i of alive) Object.assign(flags[i]!, set)
      } else if (step.kind === 'readTo') {
        const { stream, seq } = messages[step.to]!
        fold({ type: 'readTo', readTo: { [stream]: seq }, ...step.category !== undefined && { category: step.category } })
        for (const [i, one] of messages.entries()) if (one.stream === stream && one.seq <= seq && (step.category ?? one.category) === one.category) flags[i] = { ...flags[i]!, read: true }
      } else if (step.kind === 'save') save(step.documents)
      else if (step.kind === 'load') load()
      else {
        nowMs += step.ms
        for (const [key, { purgeAt }] of stored) if (purgeAt !== null && purgeAt <= nowMs) { stored.delete(key); came.purged++ }
      }
      came.pieces = Math.max(came.pieces, state.pieces.length)
      for (const [i, { stream, seq, category, expiresAt }] of messages.entries()) {
        if (expiresAt <= nowMs) continue
        const got = flagsOf(state, stream, seq, category)
        if (!isDeepStrictEqual(got, flags[i])) throw new Error(`${stream} ${seq}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(flags[i])}`)
      }
    }
    for (const { seq } of marksIn(state, annStream)) if (!messages.some(one => one.seq === seq)) throw new Error('a mark of nothing')
  }), { numRuns: 500 })
  for (const [what, times] of Object.entries(came)) t.ok(times > (what === 'pieces' ? 3 : 20), `${what}: ${times}`)
})
