import fc from 'fast-check'
import t from 'tap'
import { belongsIn, fold, merge } from '../../clients/element/message-list.js'
import type { ChangeEntry, Message, MessageEntry } from '../../clients/protocol.js'

const message = (seq: number, more: Partial<Message> = {}): MessageEntry => ({
  type: 'message', id: `m${seq}`, stream: 'u:ann', seq, prev: seq - 1, from: { user: 'bob', name: null, picture: null }, to: { user: 'ann' }, title: `t${seq}`, body: 'b', data: null,
  category: 'general', createdAt: '2026-01-01T00:00:00.000Z', expiresAt: null, boxes: ['inbox'], read: false, archived: false, recalled: false, url: null, actions: null, acted: null, ...more
})
const change = (more: Partial<ChangeEntry>): ChangeEntry => ({ type: 'change', stream: 'u:ann', seq: 99, prev: 98, ...more })
const ids = (messages: readonly Message[]): string[] => messages.map(({ id }) => id)

t.test('message list - newest first, each once, whatever comes in which order', async t => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 30 })), seqs => {
    const folded = seqs.reduce<readonly Message[]>((messages, seq) => fold(messages, message(seq), 'inbox').messages, [])
    return JSON.stringify(ids(folded)) === JSON.stringify([...new Set(seqs)].sort((a, b) => b - a).map(seq => `m${seq}`))
  }))
  t.strictSame(ids(merge([message(3), message(1)], [message(2), message(3)])), ['m3', 'm2', 'm1'])
})

t.test('message list - a box holds what belongs in it', async t => {
  t.ok(belongsIn('inbox', message(1)))
  t.notOk(belongsIn('inbox', message(1, { archived: true })))
  t.ok(belongsIn('archived', message(1, { archived: true })))
  t.ok(belongsIn('sent', message(1, { boxes: ['sent', 'inbox'] })))
  t.notOk(belongsIn('inbox', message(1, { boxes: ['sent'] })))
  t.strictSame(ids(fold([], message(1, { boxes: ['sent'] }), 'inbox').messages), [])
})

t.test('message list - an entry older than the page is left to its own page', async t => {
  t.strictSame(ids(fold([message(9), message(5)], message(3), 'inbox', true).messages), ['m9', 'm5'])
  t.strictSame(ids(fold([message(9), message(5)], message(3), 'inbox', false).messages), ['m9', 'm5', 'm3'])
})

t.test('message list - changes by id, and up to a cursor, of a category', async t => {
  const list = [message(3, { category: 'news' }), message(2), message(1), message(4, { stream: 'all' })]
  const read = (entry: ChangeEntry): string[] => ids(fold(list, entry, 'inbox').messages.filter(({ read }) => read))
  t.strictSame(read(change({ ids: ['m2'], read: true })), ['m2'])
  t.strictSame(read(change({ readTo: { 'u:ann': 2 }, read: true })), ['m2', 'm1'])
  t.strictSame(read(change({ readTo: { 'u:ann': 3, all: 4 }, category: 'news', read: true })), ['m3'])
  t.strictSame(ids(fold(list, change({ ids: ['m2', 'm9'], deleted: true }), 'inbox').messages), ['m3', 'm1', 'm4'])
  t.match(fold(list, change({ ids: ['m1'], recalled: true }), 'inbox').messages[2], { recalled: true, title: null, body: null, url: null, actions: null, read: true })
  t.match(fold(list, change({ ids: ['m1'], acted: 'approve' }), 'inbox').messages[2], { acted: 'approve', read: false, title: 't1' })
  t.strictSame(ids(fold(list, change({ ids: ['m1'], archived: true }), 'inbox').messages), ['m3', 'm2', 'm4'])
})

t.test('message list - says when only a new page can tell', async t => {
  const isStale = (entry: Parameters<typeof fold>[1], box: Parameters<typeof fold>[2]): boolean => fold([message(1)], entry, box).isStale
  t.ok(isStale({ type: 'gone', stream: 'u:ann', seq: 5, prev: 1 }, 'inbox'))
  t.ok(isStale(change({ group: 'x', joined: false }), 'inbox'))
  t.ok(isStale(change({ ids: ['m7'], archived: true }), 'archived'))
  t.ok(isStale(change({ ids: ['m7'], archived: false }), 'inbox'))
  t.notOk(isStale(change({ ids: ['m7'], archived: true }), 'inbox'))
  t.notOk(isStale(change({ ids: ['m7'], read: true }), 'inbox'))
})
