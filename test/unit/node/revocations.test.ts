/** A node's copy of the log of revocations: when it is known, and what becomes of it when the store is restored. */
import t, { type Test } from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import type { Log } from '../../../shared/platform/log.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { createNodeRevocations } from '../../../services/notifications/node/revocations.js'
import { plainAppender } from '../../helpers/entry-drafts.js'
import { createFaultyStore } from '../../helpers/faulty-store.js'
import { createMemoryStore, type MemoryStore } from '../../helpers/memory-store.js'
import { until } from '../../helpers/until.js'

function startNode (t: Test, memory: MemoryStore, { isAway = false, looksPerCheck }: { isAway?: boolean, looksPerCheck?: number } = {}) {
  const clock = createClock()
  const store = createFaultyStore(memory)
  store.isAway = isAway
  const errors: string[] = []
  const log = Object.assign(Object.create(createSilentLog()), { error: ({ event }: { event: string }) => { errors.push(event) } }) as Log
  const appender = plainAppender(store, clock)
  const heard: string[] = []
  const revocations = createNodeRevocations({ store, heads: createHeads({ store, clock }), clock, log, append: appender.append, onChange: ({ name }) => { heard.push(name) }, onKnown: () => { heard.push('known') }, ...looksPerCheck !== undefined && { looksPerCheck } })
  t.teardown(() => { revocations.close() })
  return { store, revocations, heard, errors, isIn: (name: string) => !revocations.isRevoked('user', name, 1_000) }
}

t.test('node revocations - until the log has been read it has no seq, takes no revocation and answers no Gate', async t => {
  const memory = createMemoryStore()
  await startNode(t, memory).revocations.record('user', 'ann', 2_000).catch(() => {})
  const { revocations, store, isIn } = startNode(t, memory, { isAway: true })
  await revocations.looked
  t.equal(revocations.seq, null)
  await t.rejects(revocations.record('user', 'bob', 2_000), { code: 'GP_STORE_UNAVAILABLE' })
  await t.rejects(revocations.after(0, 10), { code: 'GP_STORE_UNAVAILABLE' })
  store.isAway = false
  await until('it is read', () => revocations.seq === memory.all<EntryDoc>('entries').length)
  await revocations.record('user', 'bob', 2_000)
  t.notOk(isIn('bob'))
})

t.test('node revocations - a Gate that knows more hears so only where the store has no more', async t => {
  const memory = createMemoryStore()
  const one = startNode(t, memory)
  const other = startNode(t, memory)
  await one.revocations.looked
  await other.revocations.looked
  await one.revocations.record('user', 'ann', 2_000)
  const seq = one.revocations.seq!
  t.same(await other.revocations.after(seq, 10), { changes: [], more: false }, 'it reads before it answers')
  t.notOk(other.isIn('ann'))
  t.match(await other.revocations.after(seq + 1, 10), { isShorter: true, more: true, changes: [] })
  t.match(await other.revocations.after(0, 10), { changes: [{ name: 'ann' }], more: false })
})

t.test('node revocations - a store that lacks what was read: read anew, and the log says what to restart', async t => {
  const memory = createMemoryStore()
  const { revocations, isIn, errors, heard } = startNode(t, memory, { looksPerCheck: 1 })
  await revocations.looked
  await revocations.record('user', 'ann', 2_000)
  await revocations.record('user', 'bob', 2_000)
  const last = memory.all<EntryDoc>('entries').at(-1)!
  await memory.remove('entries', [last.key])
  const restarted = startNode(t, memory)
  await restarted.revocations.looked
  t.ok(restarted.isIn('bob'))
  t.notOk(restarted.isIn('ann'))
  await until('read anew', () => isIn('bob'))
  t.notOk(isIn('ann'))
  t.same(heard, ['known', 'ann', 'bob', 'ann'])
  t.same(errors, ['store-restored'])
})
