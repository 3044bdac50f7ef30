/**
 * What a user has done and has not read, as two nodes know it that fold, count and store side by side, lose each
 * other's broadcasts, die between two commands and begin again; against a plain fold of the whole log.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import { allStream, groupStream, type GroupId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type JsonDoc, type MessageDoc, type ReplaceOutcome } from '../../../shared/store/store.js'
import { createGroups } from '../../../services/notifications/mailbox/commands/groups.js'
import { createAct } from '../../../services/notifications/mailbox/commands/act.js'
import { createRecordChange } from '../../../services/notifications/mailbox/commands/record-change.js'
import { createMarks } from '../../../services/notifications/mailbox/commands/marks.js'
import { createUnreadCounter } from '../../../services/notifications/mailbox/unread/unread.js'
import { flagsOf } from '../../../services/notifications/mailbox/state/user-state.js'
import { createUserViews } from '../../../services/notifications/mailbox/state/user-views.js'
import { parseChange } from '../../../services/notifications/log/change.js'
import { erase } from '../../../services/notifications/log/erase.js'
import { createMessageFinder } from '../../../services/notifications/log/find-messages.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { annStream, dayMs, draftChange, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore, type MemoryStore } from '../../helpers/memory-store.js'

const ann = 'ann' as UserId
const bob = 'bob' as UserId
const club = 'club' as GroupId
const limits = { maxBaseMarks: 2, maxPieceMarks: 2, keepPieceMs: 10_000, tailEntries: 6, segmentEntries: 3, mergedEntries: 9, storedSegments: 2, maxSegments: 3 }
const streams: readonly StreamId[] = [annStream, groupStream(club), allStream]

type Step =
  | { kind: 'post', stream: number, category: string, isShort: boolean, boxes: 'inbox' | 'sent' | 'both', isOwn: boolean }
  | { kind: 'mark', node: number, message: number, read?: boolean, archived?: boolean }
  | { kind: 'delete', node: number, message: number }
  | { kind: 'act', node: number, message: number, action: string }
  | { kind: 'readTo', node: number, message?: number, category?: string }
  | { kind: 'recall', message: number, isErased: boolean }
  | { kind: 'erase' } | { kind: 'join', node: number } | { kind: 'leave', node: number }
  | { kind: 'pass', ms: number } | { kind: 'check', node: number }
  | { kind: 'die', node: number, afterWrites: number }
  | { kind: 'refuse', node: number, write: number }
  | { kind: 'deaf', node: number, isDeaf: boolean }

const node = fc.nat(1)
const message = fc.nat(40)
const category = fc.constantFrom('general', 'news')
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('post' as const), stream: fc.constantFrom(0, 0, 0, 1, 2), category, isShort: fc.constantFrom(true, true, true, false), boxes: fc.constantFrom('inbox', 'inbox', 'inbox', 'sent', 'both'), isOwn: fc.boolean() }) },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant('mark' as const), node, message, read: fc.boolean(), archived: fc.boolean() }, { requiredKeys: ['kind', 'node', 'message'] }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), node, message }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('act' as const), node, message: fc.nat(2), action: fc.constantFrom('yes', 'no') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('readTo' as const), node, message, category }, { requiredKeys: ['kind', 'node'] }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('recall' as const), message, isErased: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('erase' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('join' as const, 'leave' as const), node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 20_000, 70_000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('check' as const), node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), node, afterWrites: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('refuse' as const), node, write: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deaf' as const), node, isDeaf: fc.boolean() }) })

interface Flags { read: boolean, archived: boolean, deleted: boolean, acted: string | undefined }
interface Known { readonly stream: StreamId, readonly doc: MessageDoc, readonly flags: Flags, isRecalled: boolean }

/** The whole log, folded with plain maps. */
function foldAll (store: MemoryStore): { messages: Known[], joinedAfter: number | undefined } {
  const entries = store.all<EntryDoc>('entries')
  const messages = entries.filter((doc): doc is MessageDoc => doc.kind === 'message')
    .map((doc): Known => ({ stream: placeOfEntry(doc.key).stream, doc, flags: { read: false, archived: false, deleted: false, acted: undefined }, isRecalled: false }))
  let joinedAfter: number | undefined
  for (const doc of entries.filter(({ kind }) => kind === 'change').sort((a, b) => a.seq - b.seq)) {
    const change = parseChange(doc)
    if (change.type === 'membership') joinedAfter = change.joined ? change.after : undefined
    for (const { stream, doc: { seq, category }, flags } of messages) {
      if (change.type === 'mark' && change.messages.some(named => named.stream === stream && named.seq === seq)) {
        if (change.acted !== undefined && change.acted !== (flags.acted ?? change.acted)) throw new Error(`${stream} ${seq}: ${flags.acted} was chosen, then ${change.acted}`)
        Object.assign(flags, { read: change.read ?? flags.read, archived: change.archived ?? flags.archived, deleted: change.deleted ?? flags.deleted, acted: change.acted ?? flags.acted })
      } else if (change.type === 'readTo' && seq <= (change.readTo[stream] ?? 0) && (change.category ?? category) === category) flags.read = true
    }
    if (change.type === 'recall') for (const known of messages) if (known.stream === placeOfEntry(doc.key).stream && known.doc.seq === change.message.seq) known.isRecalled = true
  }
  return { messages, joinedAfter }
}

function unreadOf (store: MemoryStore, nowMs: number): Record<string, number> {
  const { messages, joinedAfter } = foldAll(store)
  const byCategory: Record<string, number> = {}
  for (const { stream, doc, flags, isRecalled } of messages) {
    if (flags.read || flags.archived || flags.deleted || isRecalled || doc.expiresAt <= nowMs || doc.sender === annStream || doc.boxes !== 'inbox') continue
    if (stream === streams[1] && (joinedAfter === undefined || doc.seq <= joinedAfter)) continue
    byCategory[doc.category] = (byCategory[doc.category] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(byCategory).sort(([a], [b]) => a < b ? -1 : 1))
}

const actions = [{ id: 'yes', label: 'Yes' }, { id: 'no', label: 'No' }]
const came = { conflicts: 0, deaths: 0, pieces: 0, segments: 0, acts: 0, secondActs: 0 }

async function run (steps: readonly Step[], seed: number): Promise<void> {
  let nowMs = Date.UTC(2025, 0, 1)
  let random = seed >>> 0
  const isCrowded = seed % 2 === 0
  const chance = (): number => { random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0; return random / 2 ** 32 }
  const now = (): number => nowMs
  const clock = createClock(now)
  const shared = createMemoryStore({ now })
  const plain = plainAppender(shared, clock)
  const unerased: Array<{ stream: StreamId, seq: number, changeSeq: number }> = []

  function startOne () {
    let writesLeft = Infinity
    let refusedIn = -1
    const memory = { isDeaf: false, isDead: () => writesLeft < 0, dieAfter: (writes: number) => { writesLeft = writes }, refuseOne: (write: number) => { refusedIn = write } }
    // Its own way to the shared store: commands take turns at random, and end with the node.
    const slow = async (isWrite: boolean): Promise<void> => {
      for (let turns = Math.floor(chance() * 3); turns > 0; turns--) await new Promise(resolve => setImmediate(resolve))
      if (isWrite && writesLeft-- <= 0) writesLeft = -1
      if (writesLeft < 0 || (isWrite && refusedIn-- === 0)) throw new GatepostError('GP_STORE_UNAVAILABLE', 'dead')
    }
    const store: MemoryStore = {
      ...shared,
      get: async (...args) => { await slow(false); return await shared.get(...args) },
      exist: async (...args) => { await slow(false); return await shared.exist(...args) },
      // Document by document, as a range on a server is: others write meanwhile.
      range: async (collection, { from, to }, { limit, ...options }) => {
        const docs = []
        await slow(false)
        if (collection !== 'state') return await shared.range(collection, { from, to }, { limit, ...options })
        for (let at = from; docs.length < limit;) {
          const [doc] = await shared.range(collection, { from: at, to }, { limit: 1, ...options })
          if (doc === undefined) break
          docs.push(doc)
          at = doc.key + '\0'
          await slow(false)
        }
        return docs as never
      },
      lasts: async (...args) => { await slow(false); return await shared.lasts(...args) },
      replace: async (collection, replacements) => {
        try { await slow(true) } catch { return replacements.map(() => 'refused') }
        const outcomes: ReplaceOutcome[] = []
        for (const [i, replacement] of replacements.entries()) {
          if (i > 0) await slow(false).catch(() => {}) // the command is on its way, whatever becomes of its sender
          outcomes.push(...await shared.replace(collection, [replacement]))
        }
        came.conflicts += outcomes.filter(outcome => outcome === 'changed').length
        return outcomes
      }
    }
    const heads = createHeads({ store, clock })
    const cache = isCrowded ? { maxBytes: 1 } : {}
    const views = createUserViews({ store, heads, clock, limits, ...cache })
    const unread = createUnreadCounter({ store, views, heads, now, page: 2, ...cache })
    const append = async (stream: StreamId, draft: Parameters<typeof plain.append>[1]): Promise<{ doc: EntryDoc }> => {
      await slow(true)
      const { doc } = await plain.append(stream, draft)
      arrive(stream, doc)
      return { doc }
    }
    const maxCategoryWatermarks = seed % 3
    const options = { store, maxCategoryWatermarks, finder: createMessageFinder({ store }), clock, now, heads, views, unread, append, retentionMs: 30 * dayMs, way: 'add' as const }
    const record = createRecordChange(options)
    return Object.assign(memory, { views, unread, heads, marks: createMarks({ ...options, record }), act: createAct({ ...options, record }), groups: createGroups(options) })
  }
  const nodes = [startOne(), startOne()]

  /** While something is done others ask, and what is in memory is forgotten for them. */
  function crowd (): void {
    if (isCrowded) for (const { unread } of nodes) for (const user of [bob, ann, bob]) if (chance() < 0.5) void unread.of(user).catch(() => {})
  }

  function arrive (stream: StreamId, doc: EntryDoc): void {
    for (const one of nodes) {
      if (one.isDeaf) continue
      one.heads.see(stream, doc)
      if (stream === annStream) one.views.accept(stream, doc)
      else one.unread.accept(stream, doc)
    }
  }

  const restart = (at: number): void => { came.deaths++; nodes[at] = startOne() }

  async function attempt (at: number, work: () => Promise<unknown>): Promise<void> {
    crowd()
    try { await work() } catch (error) {
      if (!(error instanceof GatepostError)) throw error
      if (error.code === 'GP_STORE_UNAVAILABLE' || error.code === 'GP_OUTCOME_UNKNOWN') {
        if (nodes[at]!.isDead()) restart(at)
      } else if (error.code === 'GP_CONFLICT') came.secondActs++
      else if (error.code !== 'GP_NOT_FOUND') throw error
    }
  }

  async function check (at: number): Promise<void> {
    await attempt(at, async () => {
      const { unread, byCategory } = await nodes[at]!.unread.of(ann)
      const wanted = unreadOf(shared, nowMs)
      if (JSON.stringify(byCategory) !== JSON.stringify(wanted)) throw new Error(`unread: got ${JSON.stringify(byCategory)}, wanted ${JSON.stringify(wanted)}`)
      if (unread !== Object.values(wanted).reduce((a, b) => a + b, 0)) throw new Error('unread: the sum is wrong')
      const { state } = await nodes[at]!.views.fresh(ann)
      came.pieces = Math.max(came.pieces, state.pieces.length)
      const { messages, joinedAfter = Infinity } = foldAll(shared)
      for (const { stream, doc, flags } of messages) {
        if (doc.expiresAt <= nowMs || (stream === streams[1] && doc.seq <= joinedAfter)) continue // over, or not ann's to see
        const got = flagsOf(state, stream, doc.seq, doc.category)
        if (!isDeepStrictEqual(got, flags)) throw new Error(`flags of ${stream} ${doc.seq}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(flags)}`)
      }
    })
  }

  async function take (step: Step, isAlone: boolean): Promise<void> {
    const messages = shared.all<EntryDoc>('entries').filter((doc): doc is MessageDoc => doc.kind === 'message').sort((a, b) => a.seq - b.seq)
    const named = 'message' in step && step.message !== undefined ? messages.at(-1 - step.message) : undefined
    switch (step.kind) {
      case 'post': {
        const stream = streams[step.stream]!
        const boxes = stream === annStream ? step.boxes : 'inbox'
        const sender = boxes !== 'inbox' || (stream !== annStream && step.isOwn) ? annStream : 'p:shop'
        const { doc } = await plain.append(stream, draftMessage(clock, { home: stream, sender, category: step.category, boxes, actions, ttlMs: step.isShort ? 60_000 : 30 * dayMs }))
        arrive(stream, doc)
        break
      }
      case 'mark': {
        const { read, archived } = step
        if (named === undefined) break
        await attempt(step.node, async () => {
          const shown = JSON.parse(await nodes[step.node]!.marks.change(ann, named.id, { read, archived })) as { read: boolean, archived: boolean }
          if (isAlone && named.boxes === 'inbox' && (shown.read !== (read ?? shown.read) || shown.archived !== (archived ?? shown.archived))) throw new Error(`mark: got ${JSON.stringify(shown)}, wanted ${JSON.stringify({ read, archived })}`)
        })
        break
      }
      case 'delete': if (named !== undefined) await attempt(step.node, async () => { await nodes[step.node]!.marks.remove(ann, named.id) }); break
      case 'act': {
        const { action } = step
        if (named === undefined) break
        await attempt(step.node, async () => {
          const { acted } = JSON.parse(await nodes[step.node]!.act(ann, named.id, action)) as { acted: string }
          if (acted !== action) throw new Error(`act: got ${acted}, wanted ${action}`)
          came.acts++
        })
        break
      }
      case 'readTo': {
        const upTo = named === undefined ? undefined : { [placeOfEntry(named.key).stream]: named.seq }
        await attempt(step.node, async () => { await nodes[step.node]!.marks.readTo(ann, upTo, step.category) })
        break
      }
      case 'recall': {
        if (named === undefined || named.recalled > 0) break
        const { stream } = placeOfEntry(named.key)
        const { id, seq, category, expiresAt, sender } = named
        const { doc } = await plain.append(stream, draftChange(clock, { type: 'recall', message: { id, stream, seq, category, expiresAt }, sender }))
        arrive(stream, doc)
        if (step.isErased) await erase(shared, stream, seq, doc.seq)
        else unerased.push({ stream, seq, changeSeq: doc.seq })
        break
      }
      case 'erase': for (const { stream, seq, changeSeq } of unerased.splice(0)) await erase(shared, stream, seq, changeSeq); break
      case 'join': await attempt(step.node, async () => { await nodes[step.node]!.groups.join(ann, club) }); break
      case 'leave': await attempt(step.node, async () => { await nodes[step.node]!.groups.leave(ann, club) }); break
      case 'pass': nowMs += step.ms; shared.purge(); break
      case 'check': await check(step.node); break
      case 'die': nodes[step.node]!.dieAfter(step.afterWrites); break
      case 'refuse': nodes[step.node]!.refuseOne(step.write); break
      case 'deaf': nodes[step.node]!.isDeaf = step.isDeaf; break
    }
  }

  for (let i = 0; i < steps.length; i++) {
    nowMs += 5
    const step = steps[i]!
    const next = steps[i + 1]
    // Two nodes at work at once, on the same user.
    if (step.kind !== 'check' && next !== undefined && 'node' in step && 'node' in next && next.kind !== 'check' && step.node !== next.node && !(step.kind === 'join' || step.kind === 'leave')) {
      await Promise.all([take(step, false), take(next, false)])
      i++
    } else await take(step, true)
  }
  for (const at of [0, 1]) { await check(at); await check(at) }
  restart(0)
  await check(0)
  const counts = shared.all<JsonDoc>('state').find(({ key }) => key.endsWith('\tc'))
  if (counts !== undefined) came.segments = Math.max(came.segments, (JSON.parse(counts.text) as { segments: unknown[] }).segments.length)
}

/** The same histories each time; GATEPOST_TEST_SEED and GATEPOST_TEST_RUNS take others, and more. */
t.test('state - two nodes that fold, count and store side by side say what a plain fold of the log says', async t => {
  await fc.assert(fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 120, size: '+1' }), fc.integer(), run), { numRuns: Number(process.env['GATEPOST_TEST_RUNS'] ?? 150), endOnFailure: true, seed: Number(process.env['GATEPOST_TEST_SEED'] ?? 1) })
  t.ok(came.conflicts > 20, `conflicts of two nodes: ${came.conflicts}`)
  t.ok(came.deaths > 20, `nodes that died: ${came.deaths}`)
  t.ok(came.acts > 100 && came.secondActs > 20, `actions chosen: ${came.acts}, refused since another one was: ${came.secondActs}`)
  t.ok(came.pieces > 3, `pieces of marks: ${came.pieces}`)
  t.ok(came.segments > 3, `segments of counts: ${came.segments}`)
})
