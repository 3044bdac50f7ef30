import t from 'tap'
import { isBetween, reduce, type Event } from '../../../clients/element/model/reduce.js'
import { initialState, type State } from '../../../clients/element/model/state.js'
import { itemsOf, unreadShown, visibleMessages } from '../../../clients/element/model/view-state.js'
import type { Message } from '../../../clients/protocol.js'
import { change, ids, message } from '../../helpers/messages.js'

const run = (events: readonly Event[], from: State = initialState): State => events.reduce(reduce, from)
const page = (messages: readonly Message[], next: string | null = null, isOlder = false): Event => ({ type: 'page', page: { messages, next }, isOlder, cursors: {} })
const loaded = (messages: readonly Message[], next: string | null = null): State => run([{ type: 'open' }, { type: 'loading', isOlder: false }, page(messages, next)])
const shownIds = (state: State): string[] => ids(visibleMessages(state))

t.test('state - what was shown is what may be marked as read, and nothing that came above it', async t => {
  let state = run([{ type: 'open' }, { type: 'page', page: { messages: [message(5), message(4, { stream: 'all' })], next: 'x' }, isOlder: false, cursors: { 'g:staff': 3, 'u:ann': 2 } }])
  t.strictSame(state.shown, { 'u:ann': 5, all: 4, 'g:staff': 3 })
  state = run([{ type: 'away', isAway: true }, { type: 'entries', entries: [message(9)] }], state)
  t.equal(state.above, 1)
  t.equal(state.shown['u:ann'], 5, 'it was not on the screen')
  state = run([{ type: 'away', isAway: false }], state)
  t.match(state, { above: 0, shown: { 'u:ann': 9 } })
})

t.test('state - the first page again keeps what lies behind it; a reset does not', async t => {
  const state = run([page([message(3), message(2)], 'b', true)], loaded([message(9), message(8)], 'a'))
  t.strictSame(shownIds(state), ['m9', 'm8', 'm3', 'm2'])
  const again = run([page([message(10), message(9)], 'c')], state)
  t.strictSame(shownIds(again), ['m10', 'm9', 'm8', 'm3', 'm2'])
  t.equal(again.list.next, 'b', 'where the older ones go on')
  const reset = run([{ type: 'page', page: { messages: [message(10), message(9)], next: 'c' }, isOlder: false, cursors: {}, isReset: true }], state)
  t.strictSame(shownIds(reset), ['m10', 'm9'])
  t.equal(reset.list.next, 'c')
  t.strictSame(shownIds(run([page([message(10)])], state)), ['m10'], 'a page that is the last is all')
})

t.test('state - a wish is shown at once, comes true or is taken back; the latest one counts', async t => {
  const state = loaded([message(2), message(1)])
  const archive = { change: { archived: true } }
  const back = { change: { archived: false } }
  const wished = run([{ type: 'wish', ids: ['m2'], wish: archive }], state)
  t.strictSame(shownIds(wished), ['m1'])
  t.strictSame(shownIds(run([{ type: 'unwish', ids: ['m2'], wish: archive }], wished)), ['m2', 'm1'])
  t.strictSame(shownIds(run([page([message(2), message(1)])], wished)), ['m1'], 'whatever a page says')
  t.strictSame(shownIds(run([{ type: 'wish', ids: ['m2'], wish: back }, { type: 'done', ids: ['m2'], wish: archive }], wished)), ['m2', 'm1'], 'the undoing came later')
  const done = run([{ type: 'done', ids: ['m2'], wish: archive }], wished)
  t.strictSame(shownIds(done), ['m1'])
  t.equal(done.wishes.size, 0)
  t.match(visibleMessages(run([{ type: 'wish', ids: ['m1'], wish: { change: { acted: 'yes' } } }, { type: 'wish', ids: ['m1'], wish: { change: { read: true } } }], state))[1], { acted: 'yes', read: true }, 'two at once')
  t.equal(unreadShown({ ...wished, connection: 'offline', unread: { unread: 2, byCategory: {} } }), 1)
  t.equal(unreadShown({ ...wished, connection: 'live', unread: { unread: 2, byCategory: {} } }), 2, 'the node will say')
})

t.test('state - what has expired goes, also the message that is open', async t => {
  const at = Date.parse('2026-01-01T00:00:10.000Z')
  const state = run([{ type: 'select', message: message(2, { expiresAt: '2026-01-01T00:00:10.000Z' }) }], loaded([message(2, { expiresAt: '2026-01-01T00:00:10.000Z' }), message(1)]))
  t.strictSame(shownIds(run([{ type: 'now', nowMs: at - 1 }], state)), ['m2', 'm1'])
  const later = run([{ type: 'now', nowMs: at }], state)
  t.strictSame(shownIds(later), ['m1'])
  t.equal(later.selected, undefined)
})

t.test('state - the open message follows changes, stays when it is archived, goes when it is deleted', async t => {
  const state = run([{ type: 'select', message: message(1) }], loaded([message(1)]))
  const archived = run([{ type: 'entries', entries: [change({ ids: ['m1'], archived: true })] }], state)
  t.match(archived.selected, { id: 'm1', archived: true })
  t.match(run([{ type: 'entries', entries: [change({ ids: ['m1'], recalled: true })] }], state).selected, { recalled: true, body: null })
  t.equal(run([{ type: 'entries', entries: [change({ ids: ['m1'], deleted: true })] }], state).selected, undefined)
  t.equal(run([{ type: 'entries', entries: [message(7)] }], state).selected, state.selected)
})

t.test('state - a conversation is both directions between two users', async t => {
  const theirs = message(1)
  const mine = message(2, { from: { user: 'ann', name: null, picture: null }, to: { user: 'bob' }, boxes: ['sent'] })
  t.ok(isBetween(theirs, 'bob', 'ann'))
  t.ok(isBetween(mine, 'bob', 'ann'))
  t.notOk(isBetween(message(3, { to: { group: 'staff' } }), 'bob', 'ann'), 'not what is in a group')
  t.notOk(isBetween(message(4, { from: { producer: 'bob', name: null, picture: null } }), 'bob', 'ann'), 'a producer is no user')
  const thread = { user: 'bob', status: 'ready' as const, messages: [theirs], sending: [] }
  const state = run([{ type: 'thread', thread }, { type: 'entries', entries: [mine, message(5, { from: { user: 'eve', name: null, picture: null } })] }], { ...loaded([theirs]), user: 'ann' })
  t.strictSame(ids(state.thread?.messages ?? []), ['m1', 'm2'])
})

t.test('state - nothing of one user is left for the next', async t => {
  const state = run([{ type: 'wish', ids: ['m1'], wish: { change: { read: true } } }, { type: 'signed-out' }], loaded([message(1)]))
  t.match(state, { list: { status: 'none', messages: [] }, unread: { unread: 0 }, isOpen: true })
  t.equal(state.wishes.size, 0)
})

t.test('items - days stand above the messages of each day', async t => {
  const at = (day: number): Partial<Message> => ({ createdAt: new Date(2026, 10, day, 12).toISOString() })
  t.strictSame(itemsOf([message(4, at(30)), message(3, at(30)), message(2, at(29))]).map(item => item.kind === 'day' ? new Date(item.atMs).getDate() : item.place), [30, 1, 2, 29, 3])
})
