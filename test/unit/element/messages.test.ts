import fc from 'fast-check'
import t from 'tap'
import { compare, fold, merge, missingFrom, sorted } from '../../../clients/element/model/messages.js'
import { belongsIn, queryOf } from '../../../clients/element/model/tab.js'
import type { Entry, Message } from '../../../clients/protocol.js'
import { change, ids, message } from '../../helpers/messages.js'

t.test('messages - newest first, each once, whatever comes in which order and in which batches', async t => {
  fc.assert(fc.property(fc.array(fc.array(fc.integer({ min: 1, max: 30 }))), batches => {
    const folded = batches.reduce<readonly Message[]>((messages, seqs) => fold(messages, seqs.map(seq => message(seq)), 'all').messages, [])
    return JSON.stringify(ids(folded)) === JSON.stringify([...new Set(batches.flat())].sort((a, b) => b - a).map(seq => `m${seq}`))
  }))
  t.strictSame(ids(merge([message(3), message(1)], [message(3), message(2)])), ['m3', 'm2', 'm1'])
})

t.test('messages - one batch is as its entries one by one', async t => {
  const entry = fc.oneof(
    fc.integer({ min: 1, max: 12 }).map((seq): Entry => message(seq, seq % 3 === 0 ? { category: 'news' } : {})),
    fc.record({ id: fc.integer({ min: 1, max: 12 }), read: fc.boolean() }).map(({ id, read }): Entry => change({ ids: [`m${id}`], read })),
    fc.record({ id: fc.integer({ min: 1, max: 12 }), archived: fc.boolean() }).map(({ id, archived }): Entry => change({ ids: [`m${id}`], archived })),
    fc.integer({ min: 1, max: 12 }).map((id): Entry => change({ ids: [`m${id}`], deleted: true })),
    fc.integer({ min: 1, max: 12 }).map((seq): Entry => change({ readTo: { 'u:ann': seq }, read: true })),
    fc.integer({ min: 1, max: 12 }).map((seq): Entry => change({ readTo: { 'u:ann': seq }, category: 'news', read: true }))
  )
  // Each message comes once: an entry that comes again after its change is an earlier state of it.
  const once = (entries: Entry[]): Entry[] => entries.filter((entry, at) => entry.type !== 'message' || entries.findIndex(other => other.type === 'message' && other.id === entry.id) === at)
  const begin = [20, 19, 18].map(seq => message(seq))
  fc.assert(fc.property(fc.array(entry, { maxLength: 20 }).map(once), fc.constantFrom('all' as const, 'category:news' as const), (entries, tab) => {
    const start = begin.filter(one => belongsIn(tab, one))
    const whole = fold(start, entries, tab).messages
    const single = entries.reduce<readonly Message[]>((messages, one) => fold(messages, [one], tab).messages, start)
    // Archived and taken out again within the batch: one by one it is gone, and asked for.
    const lost = entries.reduce<string[]>((all, one) => [...all, ...missingFrom(single, [one], tab).wanted], [])
    return JSON.stringify(whole.filter(({ id }) => !lost.includes(id))) === JSON.stringify(single.filter(({ id }) => !lost.includes(id)))
  }))
})

t.test('messages - a tab holds what belongs in it', async t => {
  t.ok(belongsIn('all', message(1)))
  t.notOk(belongsIn('all', message(1, { archived: true })))
  t.ok(belongsIn('archived', message(1, { archived: true })))
  t.ok(belongsIn('sent', message(1, { boxes: ['sent', 'inbox'] })))
  t.notOk(belongsIn('all', message(1, { boxes: ['sent'] })))
  t.ok(belongsIn('unread', message(1)))
  t.notOk(belongsIn('unread', message(1, { read: true })))
  t.notOk(belongsIn('unread', message(1, { recalled: true })))
  t.ok(belongsIn('category:news', message(1, { category: 'news' })))
  t.notOk(belongsIn('category:news', message(1)))
  t.strictSame(queryOf('category:a:b'), { box: 'inbox', category: 'a:b' })
  t.strictSame(queryOf('unread'), { box: 'inbox', unread: true })
  t.strictSame(queryOf('sent'), { box: 'sent' })
})

t.test('messages - an entry older than the page is left to its own page', async t => {
  t.strictSame(ids(fold([message(9), message(5)], [message(3)], 'all', true).messages), ['m9', 'm5'])
  t.strictSame(ids(fold([message(9), message(5)], [message(3)], 'all', false).messages), ['m9', 'm5', 'm3'])
  t.equal(fold([message(9)], [message(9), message(10), message(11)], 'all').added, 2)
})

t.test('messages - changes by id, up to a cursor, of a category, of a group that was left', async t => {
  const list = sorted([message(3, { category: 'news' }), message(2), message(1), message(4, { stream: 'g:staff' })])
  const read = (entry: Entry): string[] => ids(fold(list, [entry], 'all').messages.filter(message => message.read))
  t.strictSame(read(change({ ids: ['m2'], read: true })), ['m2'])
  t.strictSame(read(change({ readTo: { 'u:ann': 2 }, read: true })), ['m2', 'm1'])
  t.strictSame(read(change({ readTo: { 'u:ann': 3, 'g:staff': 4 }, category: 'news', read: true })), ['m3'])
  t.strictSame(ids(fold(list, [change({ ids: ['m2', 'm9'], deleted: true })], 'all').messages), ['m4', 'm3', 'm1'])
  t.match(fold(list, [change({ ids: ['m1'], recalled: true })], 'all').messages[3], { recalled: true, title: null, body: null, read: true, url: null, actions: null, from: { name: null, picture: null } })
  t.strictSame(ids(fold(list, [change({ ids: ['m1'], archived: true })], 'all').messages), ['m4', 'm3', 'm2'])
  t.strictSame(ids(fold(list, [change({ group: 'staff', joined: false })], 'all').messages), ['m3', 'm2', 'm1'])
  t.match(fold(list, [change({ ids: ['m2'], acted: 'yes' })], 'all').messages[2], { acted: 'yes' })
  t.equal(fold(list, [change({ ids: ['m77'], read: true })], 'all').messages[0], list[0], 'what no entry concerns is the same object')
})

t.test('messages - says what is to be asked for', async t => {
  const missing = (entry: Entry, tab: Parameters<typeof missingFrom>[2] = 'all'): unknown => missingFrom([message(1)], [entry], tab)
  t.strictSame(missing({ type: 'gone', stream: 'u:ann', seq: 5, prev: 1 }), { wanted: [], isStale: true })
  t.strictSame(missing(change({ ids: ['m7'], archived: true }), 'archived'), { wanted: ['m7'], isStale: false })
  t.strictSame(missing(change({ ids: ['m7', 'm1'], archived: false })), { wanted: ['m7'], isStale: false })
  t.strictSame(missing(change({ ids: ['m7'], archived: true })), { wanted: [], isStale: false })
  t.strictSame(missing(change({ ids: ['m7'], read: false }), 'unread'), { wanted: ['m7'], isStale: false })
  t.strictSame(missing(change({ ids: ['m7'], read: true })), { wanted: [], isStale: false })
})

t.test('messages - a batch of thousands of changes in a list of thousands is one pass', async t => {
  const list = Array.from({ length: 10_000 }, (_, i) => message(i + 1)).sort(compare)
  const entries = Array.from({ length: 4_000 }, (_, i) => i % 2 === 0 ? message(20_000 + i) : change({ ids: [`m${i}`], read: true }))
  const before = process.cpuUsage()
  const { messages, added } = fold(list, entries, 'all')
  const { user } = process.cpuUsage(before)
  t.equal(added, 2_000)
  t.equal(messages.filter(({ read }) => read).length, 2_000)
  // One by one it would be 40 million steps; a hundredth of that is some tens of ms.
  t.ok(user < 1_000_000, `${user} µs of CPU`)
})
