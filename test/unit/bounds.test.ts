/** Work that grows with what a user sends: it ends early, or moves little. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { Type } from 'typebox'
import { createClock } from '../../shared/contract/clock.js'
import { parseMessage } from '../../shared/contract/message.js'
import type { StreamId } from '../../shared/contract/names.js'
import type { EntryDoc } from '../../shared/store/store.js'
import { placeEntry, type EntryDraft } from '../../services/notifications/log/entry.js'
import { createPost, type PostOptions } from '../../services/notifications/mailbox/commands/post.js'
import { until } from '../helpers/until.js'
import { createSortedTexts } from '../../shared/platform/sorted-texts.js'
import { createValidator } from '../../shared/contract/validate.js'
import { createSenderShares } from '../../services/notifications/mailbox/commands/sender-shares.js'
import { toUnread } from '../../services/notifications/mailbox/unread/counts.js'

t.test('bounds - at most a hundred categories by name, those first that came first; the rest is other, and the sum is exact', async t => {
  const counts = new Map([['invoices', 3], ['other', 1], ...Array.from({ length: 5_000 }, (_, i): [string, number] => [`${i}`, 2])])
  const { unread, byCategory } = toUnread(counts)
  t.equal(unread, 10_004)
  t.equal(Object.keys(byCategory).length, 101)
  t.equal(byCategory['invoices'], 3)
  t.equal(byCategory['98'], 2)
  t.equal(byCategory['other'], 1 + 2 * (5_000 - 99), 'one of that name is one of the rest')
  t.equal(Object.values(byCategory).reduce((sum, n) => sum + n), unread)
  counts.delete('invoices')
  t.equal(toUnread(counts).byCategory['99'], 2, 'one that is read makes room')
  t.same(toUnread(new Map([['b', 1], ['a', 2]])), { unread: 3, byCategory: { a: 2, b: 1 } })
  t.same(Object.keys(toUnread(new Map([['a', 1]])).byCategory), ['a'], 'and no rest where there is none')
})

t.test('bounds - long names of categories: an event stays below 32 KiB', async t => {
  const counts = new Map(Array.from({ length: 100 }, (_, i): [string, number] => ['😀'.repeat(125) + String(i), 1]))
  const unread = toUnread(counts)
  t.ok(Buffer.byteLength(JSON.stringify(unread)) < 32 * 1024)
  t.equal(Object.values(unread.byCategory).reduce((sum, n) => sum + n), 100)
})

t.test('bounds - an array or an object with too many members is refused before one of them is looked at', async t => {
  let looked = 0
  const member = Type.Refine(Type.String(), () => { looked++; return false })
  const validate = createValidator(Type.Object({
    topics: Type.Optional(Type.Array(member, { maxItems: 3, description: 'at most 3' })),
    cursors: Type.Optional(Type.Record(Type.String(), member, { maxProperties: 2, description: 'at most 2' }))
  }))
  t.throws(() => validate({ topics: Array.from({ length: 300_000 }, () => 'x') }, 'auth'), { code: 'GP_VALIDATION', message: /^auth\.topics: got .*300000.*; takes at most 3/ })
  t.throws(() => validate({ cursors: { a: 'x', b: 'x', c: 'x' } }), { code: 'GP_VALIDATION', message: /^cursors: got .*3 .*; takes at most 2/ })
  t.equal(looked, 0)
  t.throws(() => validate({ topics: ['x'] }), { code: 'GP_VALIDATION' })
  t.ok(looked > 0)
})

t.test('bounds - of a hundred thousand unknown fields, at any level, only the first is looked at', async t => {
  const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`x${i}`, 1]))
  const message = { to: { user: 'ann' }, body: 'hello' }
  for (const [field, value] of Object.entries({
    x0: { ...message, ...many },
    'to.x0': { to: { ...message.to, ...many }, body: 'hello' },
    'sender.x0': { ...message, sender: many },
    'actions.0.x0': { ...message, actions: [{ id: 'a', label: 'A', ...many }] }
  })) {
    const before = process.cpuUsage()
    t.throws(() => parseMessage(value), { code: 'GP_VALIDATION', message: new RegExp(`^${field}: got (?:"an unknown field"|an unknown field); takes only `) })
    t.ok(process.cpuUsage(before).user < 150_000, field)
  }
  t.throws(() => parseMessage({ ...message, sender: Buffer.alloc(1_000) }), { code: 'GP_VALIDATION', message: /^sender: got bytes; takes/ }, 'bytes are no fields')
})

t.test('bounds - what is too large to be a message is not walked through', async t => {
  const numbers = Array.from({ length: 300_000 }, () => 1)
  for (const data of [[...numbers, Infinity], [numbers.map(n => [n]), [[Infinity]]]]) t.throws(() => parseMessage({ to: { user: 'ann' }, data }), { code: 'GP_TOO_LARGE' })
  t.throws(() => parseMessage({ to: { user: 'ann' }, data: [1, Infinity] }), { code: 'GP_VALIDATION', message: /^data\.1/ })
})

t.test('bounds - texts in order, whatever is added and removed', async t => {
  fc.assert(fc.property(fc.array(fc.record({ isAdded: fc.boolean(), n: fc.nat(3_000) }), { minLength: 100, maxLength: 3_000 }), fc.nat(300), (steps, prefix) => {
    const texts = createSortedTexts()
    const there = new Set<string>()
    for (const { isAdded, n } of [...Array.from({ length: 1_500 }, (_, i) => ({ isAdded: true, n: i * 2 })), ...steps]) {
      const text = `${n}`
      if (isAdded && !there.has(text)) texts.add(text)
      if (!isAdded) texts.remove(text)
      if (isAdded) there.add(text)
      else there.delete(text)
    }
    for (const start of ['', `${prefix}`, '9999']) {
      const found = [...texts.beginningWith(start)]
      const right = [...there].filter(text => text.startsWith(start)).sort()
      if (JSON.stringify(found) !== JSON.stringify(right)) throw new Error(`${start}: ${found.length} of ${right.length}`)
    }
  }), { numRuns: 50 })
  t.pass()
})

t.test('bounds - what one user has under way to the store is a share of the queue, and never less than one message', async t => {
  const shares = createSenderShares()
  const [large] = [shares.take('u:ann', 1_001, 64 << 20)]
  t.type(large, 'function', 'the first, whatever its size')
  t.equal(shares.take('u:ann', 2, 100), undefined)
  t.type(shares.take('u:bob', 2, 100), 'function', 'another user is another one')
  large!()
  const ends = Array.from({ length: 1_000 }, () => shares.take('u:ann', 2, 100))
  t.notOk(ends.includes(undefined))
  t.equal(shares.take('u:ann', 2, 100), undefined)
  ends[0]!()
  t.type(shares.take('u:ann', 2, 100), 'function')
})

t.test('bounds - a copy that is stored is let go, though others of its message still wait for the store', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const stored: Array<WeakRef<object>> = []
  const ends: Array<() => void> = []
  const append = async (stream: StreamId, draft: EntryDraft): Promise<{ doc: EntryDoc }> => {
    if (stream.endsWith('last')) await new Promise<void>(resolve => { ends.push(resolve) })
    const doc = placeEntry(draft, 'key', 1, null)
    stored.push(new WeakRef(doc))
    return { doc }
  }
  const post = createPost({ clock: createClock(), append, refusalOf: () => undefined, retentionMs: 1_000, areStoredTogether: () => false } as unknown as PostOptions)
  const draft = parseMessage({ to: { users: ['first', 'second', 'last'] }, title: 'x', body: 'y' })
  const [posted] = post.all('p:shop', [{ draft }])
  await until('two are stored', () => stored.length === 2)
  await until('and let go', () => { collect(); return stored.every(doc => doc.deref() === undefined) })
  ends[0]!()
  t.match(await posted, { duplicate: false, copy: undefined })
})
