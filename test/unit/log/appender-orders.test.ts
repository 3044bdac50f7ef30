/**
 * Appenders of several nodes on one store whose commands take effect in every order, fail, are left without an answer
 * and land late, while time passes and the store purges, wall clocks are wrong and jump, and nodes are killed and start
 * anew. Hours are seconds here. What must hold is checked at each document as it becomes readable, and at each answer.
 */
import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { createClock, type Clock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../shared/store/store.js'
import { GatepostError, isInDoubt } from '../../../shared/contract/errors.js'
import { createAppender, type AppendRules, type Appended, type Appender } from '../../../services/notifications/log/appender.js'
import type { EntryDraft } from '../../../services/notifications/log/entry.js'
import { annStream, draftMessage } from '../../helpers/entry-drafts.js'
import { createMemoryStore, type Command, type Fate } from '../../helpers/memory-store.js'

const hour = 1_000
const rules: AppendRules = { headFreshMs: hour, extendWithinMs: 2 * hour, keepMs: 25 * hour, recentMs: 60, landsWithinMs: 60, giveUpMs: 250 }
/** A message is not tried again later than this: its idempotency key is gone. */
const retriedWithinMs = 24 * hour
/** No command takes effect later than this after it was given. */
const inFlightMs = 0.8 * hour

type Step =
  | { kind: 'send', message: number, node: number }
  | { kind: 'run', commands: number }
  | { kind: 'pass', ms: number }
  | { kind: 'clock', node: number, aheadMs: number }
  | { kind: 'restart', node: number }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('send' as const), message: fc.nat(5), node: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('run' as const), commands: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0.5 * hour, 1.5 * hour, 12 * hour, 23.5 * hour, 26 * hour, 60 * hour) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clock' as const), node: fc.nat(2), aheadMs: fc.constantFrom(0, 15, -15, 2 * hour, -2 * hour, 40 * 24 * hour, -40 * 24 * hour) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), node: fc.nat(2) }) })
const anyRun = fc.record({ steps: fc.array(anyStep, { minLength: 5, maxLength: 40, size: '+1' }), seed: fc.integer(), faults: fc.constantFrom(0, 0.1, 0.3) })

function randomOf (seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let x = Math.imul(a ^ (a >>> 15), 1 | a)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A node from its start to its end. */
interface Life { readonly clock: Clock, readonly told: Set<string>, open: number, isDead: boolean, appender: Appender }

/** The store as one life sees it: when that is over, what is under way may still take effect, and nobody hears of it. */
function ofLife (store: Store, life: Life): Store {
  const unheard = (): Promise<never> => new Promise(() => {})
  return new Proxy(store, {
    get: (target, name: keyof Store) => {
      const command = target[name] as unknown
      if (typeof command !== 'function') return command
      return async (...args: unknown[]): Promise<unknown> => {
        if (life.isDead) return await unheard()
        const answer = (command as (...args: unknown[]) => Promise<unknown>)(...args)
        await answer.catch(() => {})
        return await (life.isDead ? unheard() : answer)
      }
    }
  })
}

interface Waiting { readonly command: Command, readonly sinceMs: number, readonly go: (fate: Fate) => void }
interface Message { readonly draft: EntryDraft, readonly atMs: number, tries: number, isResponsive: boolean }
/** How a node of these runs knows the time; `aheadMs`: of its wall clock. */
type ClockOf = (nowMs: () => number, aheadMs: () => number) => Clock
const rightClock: ClockOf = (nowMs, aheadMs) => {
  const clock = createClock(() => nowMs() + aheadMs(), nowMs)
  clock.heardOf(nowMs())
  return clock
}

const seen = { locators: 0, restarts: 0, jumps: 0, conflicts: 0, searches: 0, extended: 0, late: 0, lateLanded: 0, unsaid: 0, begun: 0, gaveUp: 0, retriesFound: 0 }

/** Rejects with what was violated. */
async function run ({ steps, seed, faults }: { steps: readonly Step[], seed: number, faults: number }, rules: AppendRules, clockOf = rightClock): Promise<void> {
  const random = randomOf(seed)
  let nowMs = Date.UTC(2025, 0, 1)
  const violations: string[] = []
  let waiting: Waiting[] = []
  let late: Array<{ readonly sinceMs: number, readonly land: () => void }> = []
  const everStored = new Map<string, EntryDoc>()
  let highest = 0

  const store = createMemoryStore({
    now: () => nowMs,
    before: command => new Promise(resolve => { waiting.push({ command, sinceMs: nowMs, go: resolve }) }),
    onLate: land => { seen.late++; late.push({ sinceMs: nowMs, land }) },
    onStored: (collection, stored) => {
      if (collection === 'claims') seen.locators++
      if (collection !== 'entries' || stored.v > 0) return
      const doc = stored as EntryDoc
      const { prev } = placeOfEntry(doc.key)
      const others = store.all<EntryDoc>('entries').filter(({ key }) => key !== doc.key)
      const last = others.at(-1)
      if (prev !== (last?.seq ?? 0)) violations.push(`fork: ${doc.seq} names ${prev}, the last entry is ${last?.seq}`)
      if (doc.seq <= highest) violations.push(`filled in: ${doc.seq} appears below ${highest}, which a reader may have passed`)
      if (everStored.has(doc.id)) violations.push(`twice: ${doc.id} at ${everStored.get(doc.id)!.seq} and at ${doc.seq}`)
      if (prev === 0 && everStored.size > 0) seen.begun++
      everStored.set(doc.id, doc)
      highest = Math.max(highest, doc.seq)
    }
  })
  const ahead = [0, 1, 2]
  const startLife = (node: number): Life => {
    const clock = clockOf(() => nowMs, () => ahead[node]!)
    const life: Life = { clock, told: new Set(), open: 0, isDead: false, appender: undefined as never }
    life.appender = createAppender({
      store: ofLife(store, life), clock, log: createSilentLog(), rules, onAppended: (_, doc) => { life.told.add(doc.id) }
    })
    return life
  }
  const nodes = [0, 1, 2].map(startLife)
  const messages: Message[] = []
  const openTries = (): number => nodes.reduce((sum, { open }) => sum + open, 0)

  function send (message: Message, node: number): void {
    const life = nodes[node]!
    message.tries++
    life.open++
    life.appender.append(annStream, message.draft).then(({ doc, isNew }: Appended) => {
      if (life.isDead) return
      message.isResponsive = true
      if (!isNew) seen.retriesFound++
      const lies = store.all<EntryDoc>('entries').some(({ key, id, seq }) => key === doc.key && id === message.draft.id && seq === doc.seq)
      if (!lies) violations.push(`answered, and not in the store: ${message.draft.id} at ${doc.seq}`)
      if (!life.told.has(message.draft.id)) violations.push(`answered before it was told: ${message.draft.id}`)
    }, (error: unknown) => {
      if (life.isDead) return
      seen.gaveUp++
      if (isInDoubt(error)) return
      if (!(error instanceof GatepostError) || error.code !== 'GP_STORE_UNAVAILABLE') violations.push(`refused with ${String(error)}`)
      else if (message.tries === 1 && everStored.has(message.draft.id)) violations.push(`said that nothing was stored, and it was: ${message.draft.id}`)
    }).finally(() => { life.open-- })
  }

  function pickFate ({ kind }: Command, faults: number): Fate {
    if (random() >= faults) return 'done'
    if (kind === 'insertChains' || kind === 'replace') {
      const fate = (['refused', 'lost', 'unsaid', 'late'] as const)[Math.floor(random() * 4)]!
      if (fate === 'unsaid') seen.unsaid++
      return fate
    }
    return random() < 0.3 ? 'refused' : 'done'
  }

  /** One command takes effect, or one that is late lands. False when there is none. */
  async function turn (faults: number): Promise<boolean> {
    await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setImmediate(resolve))
    late = late.filter(({ sinceMs }) => nowMs - sinceMs < inFlightMs)
    const total = waiting.length + late.length
    if (total === 0) return false
    const at = Math.floor(random() * total)
    if (at < waiting.length) {
      const [chosen] = waiting.splice(at, 1)
      chosen!.go(pickFate(chosen!.command, faults))
    } else {
      const [chosen] = late.splice(at - waiting.length, 1)
      seen.lateLanded++
      chosen!.land()
    }
    passTime(Math.floor(random() * 12))
    return true
  }

  function passTime (ms: number): void {
    nowMs += ms
    store.purge()
  }

  async function runOut (faults: number): Promise<void> {
    while (openTries() > 0 || waiting.length > 0) if (!await turn(faults)) await pause(1)
  }

  for (const step of steps) {
    if (violations.length > 0) break
    if (step.kind === 'run') for (let i = 0; i < step.commands; i++) await turn(faults)
    else if (step.kind === 'pass') {
      const oldest = Math.min(...waiting.map(({ sinceMs }) => sinceMs), nowMs)
      // What is in flight takes effect within its time: longer pauses begin when nothing is.
      if (step.ms > inFlightMs - (nowMs - oldest)) { await runOut(faults) }
      passTime(step.ms)
    } else if (step.kind === 'clock') {
      seen.jumps++
      ahead[step.node] = step.aheadMs
    } else if (step.kind === 'restart') {
      seen.restarts++
      nodes[step.node]!.isDead = true
      nodes[step.node] = startLife(step.node)
    } else {
      const message = messages[step.message] ??= { draft: draftMessage(nodes[step.node]!.clock, { ttlMs: step.message % 2 === 0 ? hour : 50 * hour }), atMs: nowMs, tries: 0, isResponsive: false }
      if (nowMs - message.atMs < retriedWithinMs) send(message, step.node)
    }
  }
  await runOut(0)
  for (const message of messages.filter(message => message?.isResponsive === false)) if (nowMs - message.atMs < retriedWithinMs) send(message, 0)
  await runOut(0)
  let isSettled = false
  void Promise.all(nodes.map(async ({ appender }) => { await appender.settled() })).then(() => { isSettled = true })
  while (!isSettled) if (!await turn(0)) await pause(1)
  for (const { appender: { counts } } of nodes) {
    seen.conflicts += counts.conflicts
    seen.searches += counts.searches
    seen.extended += counts.extended
  }
  waiting = []
  if (violations.length > 0) throw new Error(violations.join('\n'))
}

/** What a longer search found: two late entries that a dying node tried together. */
const found: { steps: Step[], seed: number, faults: number } = {
  steps: [
    { kind: 'send', message: 0, node: 1 }, { kind: 'send', message: 0, node: 0 }, { kind: 'send', message: 3, node: 0 }, { kind: 'pass', ms: 500 },
    { kind: 'send', message: 3, node: 1 }, { kind: 'run', commands: 1 }, { kind: 'send', message: 1, node: 1 }, { kind: 'run', commands: 2 },
    { kind: 'send', message: 0, node: 0 }, { kind: 'restart', node: 0 }, { kind: 'run', commands: 1 }, { kind: 'pass', ms: 500 }, { kind: 'send', message: 3, node: 0 }
  ],
  seed: -872904004,
  faults: 0
}

t.test('appender - whatever the order of commands, failures and purges: one chain, each entry once, no fill-in', async t => {
  await fc.assert(fc.asyncProperty(anyRun, async one => { await run(one, rules) }), { numRuns: Number(process.env['GATEPOST_TEST_RUNS'] ?? 150), examples: [[found]], ...process.env['GATEPOST_TEST_SEED'] !== undefined && { seed: Number(process.env['GATEPOST_TEST_SEED']) } })
  for (const [what, times] of Object.entries(seen)) t.ok(times > 0, `it came to: ${what}`)
  t.comment(JSON.stringify(seen))
})

t.test('appender - without the rule of freshness the same runs break the chain', async t => {
  const careless: AppendRules = { ...rules, headFreshMs: Infinity, extendWithinMs: -Infinity }
  const broken = await fc.check(fc.asyncProperty(anyRun, async one => { await run(one, careless) }), { numRuns: 2_000, endOnFailure: true })
  t.ok(broken.failed)
  t.match(String(broken.errorInstance), /fork|filled in|twice|answered/)
})

t.test('appender - with wall clocks alone the same runs break the chain', async t => {
  const byWallAlone: ClockOf = (nowMs, aheadMs) => createClock(() => nowMs() + aheadMs())
  const broken = await fc.check(fc.asyncProperty(anyRun, async one => { await run(one, rules, byWallAlone) }), { numRuns: 2_000, endOnFailure: true })
  t.ok(broken.failed)
  t.match(String(broken.errorInstance), /fork|filled in|twice|answered/)
})
