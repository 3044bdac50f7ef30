import t from 'tap'
import { createActions, type Actions } from '../../../clients/element/actions.js'
import { createIntake } from '../../../clients/element/intake.js'
import { visibleMessages } from '../../../clients/element/model/view-state.js'
import { createPages, type Pages } from '../../../clients/element/pages.js'
import { createStore, type Store } from '../../../clients/element/store.js'
import { GatepostError } from '../../../clients/errors.js'
import type { Entry, Message, Page } from '../../../clients/protocol.js'
import { change, ids, message } from '../../helpers/messages.js'
import { until } from '../../helpers/until.js'

const all = [message(3), message(2), message(1)]

interface Bench { store: Store, actions: Actions, asked: string[], shown: () => string[], refuse: (error: GatepostError | undefined) => void }

/** `asked`: what a node would have heard, in order. */
function bench (): Bench {
  const store = createStore(() => {})
  const asked: string[] = []
  let refusal: GatepostError | undefined
  const ask = async (what: string): Promise<void> => {
    if (refusal !== undefined) throw refusal
    asked.push(what)
  }
  const actions = createActions({
    store,
    onError: () => {},
    inbox: {
      async archive (id, isArchived = true) { await ask(`${isArchived ? 'archive' : 'unarchive'} ${id}`); return all.find(message => message.id === id) as Message },
      async markRead (what) { await ask(`read ${JSON.stringify(what)}`); return { unread: 0, byCategory: {} } },
      async markUnread (id) { await ask(`unread ${id}`); return all.find(message => message.id === id) as Message },
      async remove (id) { await ask(`remove ${id}`) },
      async recall (id) { await ask(`recall ${id}`) },
      async get (id) { asked.push(`get ${id}`); return { ...all.find(message => message.id === id) as Message, acted: 'other' } },
      async act (id, action) { await ask(`act ${id} ${action}`); return all[0] as Message }
    }
  })
  store.dispatch({ type: 'open' })
  store.dispatch({ type: 'page', page: { messages: all, next: null }, isOlder: false, cursors: {} })
  return { store, actions, asked, shown: () => ids(visibleMessages(store.state)), refuse: error => { refusal = error } }
}

t.test('actions - an archived message can be had back; a deleted one is deleted when it no longer can', async t => {
  const { actions, asked, shown, store } = bench()
  actions.perform('archive', [all[0] as Message])
  t.strictSame(shown(), ['m2', 'm1'])
  await until('asked', () => asked.includes('archive m3'))
  actions.undo()
  t.strictSame(shown(), ['m3', 'm2', 'm1'])
  await until('asked', () => asked.includes('unarchive m3'))
  await actions.finished()
  t.strictSame(shown(), ['m3', 'm2', 'm1'])
  actions.perform('remove', [all[1] as Message])
  t.strictSame(shown(), ['m3', 'm1'])
  t.match(store.state.toast, { kind: 'deleted', count: 1 })
  actions.undo()
  t.strictSame(shown(), ['m3', 'm2', 'm1'])
  actions.perform('remove', [all[1] as Message, all[2] as Message])
  t.notOk(asked.some(what => what.startsWith('remove')))
  actions.perform('archive', [all[0] as Message])
  await until('the one before is final', () => asked.includes('remove m1'))
  await actions.finished()
  t.strictSame(asked.slice(-3), ['remove m2', 'remove m1', 'archive m3'])
  await actions.close()
})

t.test('actions - offline they wait in their order, and are done when the connection is back', async t => {
  const { actions, asked, shown, refuse, store } = bench()
  refuse(new GatepostError('GP_UNREACHABLE', 'cut off'))
  actions.perform('archive', [all[0] as Message])
  actions.markAllRead({ upTo: { 'u:ann': 3 } }, all)
  await until('it waits', () => store.state.waiting > 0)
  t.strictSame(shown(), ['m2', 'm1'], 'and is shown as done')
  t.equal(store.state.toast?.kind, 'archived')
  refuse(undefined)
  actions.resume()
  await until('all done', () => store.state.waiting === 0)
  t.strictSame(asked, ['archive m3', 'read {"upTo":{"u:ann":3}}'])
  t.ok(visibleMessages(store.state).every(({ read }) => read))
  await actions.close()
})

t.test('actions - what is refused is taken back, told, and done by "try again"; what is gone is gone', async t => {
  const { actions, asked, shown, refuse, store } = bench()
  refuse(new GatepostError('GP_SCOPE', 'no'))
  actions.perform('archive', [all[0] as Message])
  await until('told', () => store.state.toast?.kind === 'failed')
  t.strictSame(shown(), ['m3', 'm2', 'm1'])
  refuse(undefined)
  actions.retry()
  await until('asked again', () => asked.includes('archive m3'))
  t.strictSame(shown(), ['m2', 'm1'])
  await actions.finished()
  refuse(new GatepostError('GP_NOT_FOUND', 'gone'))
  actions.perform('archive', [all[1] as Message])
  await actions.finished()
  t.strictSame(shown(), ['m1'])
  t.not(store.state.toast?.kind, 'failed')
  refuse(new GatepostError('GP_RECALL_EXPIRED', 'late'))
  actions.recall(all[2] as Message)
  await until('told', () => store.state.toast?.kind === 'recallLate')
  await actions.close()
})

t.test('actions - one choice; where another device was faster its choice is shown', async t => {
  const { actions, asked, refuse, store } = bench()
  actions.choose(all[0] as Message, 'yes')
  await actions.finished()
  t.match(store.state.list.messages[0], { acted: 'yes', read: true })
  refuse(new GatepostError('GP_CONFLICT', 'other'))
  actions.choose(all[1] as Message, 'yes')
  await actions.finished()
  t.match(visibleMessages(store.state)[1], { acted: 'other' })
  t.strictSame(asked, ['act m3 yes', 'get m2'])
  await actions.close()
})

t.test('actions - a deletion that can still be undone is done when the session ends', async t => {
  const { actions, asked } = bench()
  actions.perform('remove', [all[0] as Message])
  await actions.close()
  t.strictSame(asked, ['remove m3'])
})

/** Pages that come when they are told to. */
function listed (): { store: Store, pages: Pages, asked: Array<{ query: object, answer: (page: Page | Error) => void }> } {
  const store = createStore(() => {})
  const asked: Array<{ query: object, answer: (page: Page | Error) => void }> = []
  const pages = createPages({
    store,
    cursors: () => ({}),
    onFailure: () => {},
    list: async query => await new Promise<Page>((resolve, reject) => { asked.push({ query, answer: page => { if (page instanceof Error) reject(page); else resolve(page) } }) })
  })
  store.dispatch({ type: 'open' })
  return { store, pages, asked }
}

t.test('pages - asked for any number of times, the list is read once more', async t => {
  const { store, pages, asked } = listed()
  t.teardown(() => { pages.forget() })
  for (let i = 0; i < 5; i += 1) pages.load()
  t.equal(asked.length, 1)
  asked[0]?.answer({ messages: all, next: 'x' })
  await until('read', () => store.state.list.status === 'ready')
  for (let i = 0; i < 300; i += 1) pages.load()
  await until('once more', () => asked.length === 2)
  for (let i = 0; i < 300; i += 1) pages.load()
  asked[1]?.answer({ messages: all, next: 'x' })
  await until('and once more for what came meanwhile', () => asked.length === 3)
  asked[2]?.answer(new Error('cut off'))
  await until('the list stays', () => store.state.list.status === 'ready')
  t.equal(store.state.list.messages.length, 3)
})

t.test('pages - an entry that comes while a page is on its way is in the list; a page for another tab is nobody\'s', async t => {
  const { store, pages, asked } = listed()
  t.teardown(() => { pages.forget() })
  pages.load()
  const entries: Entry[] = [message(4), change({ ids: ['m2'], deleted: true })]
  pages.note(entries)
  store.dispatch({ type: 'entries', entries })
  asked[0]?.answer({ messages: all, next: null })
  await until('read', () => store.state.list.status === 'ready')
  t.strictSame(ids(store.state.list.messages), ['m4', 'm3', 'm1'])
  pages.load()
  pages.forget()
  store.dispatch({ type: 'tab', tab: 'sent' })
  pages.load()
  asked.at(-1)?.answer({ messages: [], next: null })
  await until('read', () => store.state.list.status === 'ready')
  t.strictSame(store.state.list.messages, [])
})

t.test('intake - a closed panel that was never opened keeps nothing; one that was, a bounded number; an open one folds once a frame', async t => {
  const { store, pages, asked } = listed()
  t.teardown(() => { pages.forget() })
  let frames = 0
  let changes = 0
  const intake = createIntake({ store: { get state () { return store.state }, dispatch (event) { changes += 1; store.dispatch(event) } }, pages, requestFrame: () => { frames += 1 }, onWanted: () => {}, onBatch: () => {} })
  store.dispatch({ type: 'close' })
  for (let seq = 1; seq <= 4_000; seq += 1) intake.take(message(seq))
  intake.flush()
  t.strictSame([changes, frames, asked.length], [0, 0, 0])
  store.dispatch({ type: 'open' })
  pages.load()
  asked[0]?.answer({ messages: [message(4_000)], next: 'x' })
  await until('read', () => store.state.list.status === 'ready')
  for (let seq = 4_001; seq <= 4_400; seq += 1) intake.take(message(seq))
  t.equal(changes, 0)
  intake.flush()
  t.equal(changes, 1, '400 messages are one change')
  t.equal(store.state.list.messages.length, 401)
  store.dispatch({ type: 'close' })
  for (let seq = 5_000; seq < 5_150; seq += 1) intake.take(message(seq))
  t.equal(store.state.list.status, 'ready')
  for (let seq = 5_150; seq < 9_000; seq += 1) intake.take(message(seq))
  t.equal(store.state.list.status, 'none', 'it is read again when it is opened')
  t.equal(asked.length, 1)
})
