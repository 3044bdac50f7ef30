/**
 * Leaving and joining a group while the node of the open socket has no link, no store, or neither: nothing that is posted after
 * the leave reaches the socket, everything after the join does, on the socket that was open. And whatever fails once on the way.
 */
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { NodeId } from '../../../shared/contract/names.js'
import { startTestWatcher } from '../../helpers/dispatch-nodes.js'
import { startNodes, type NodesOnOneStore } from '../../helpers/in-process-nodes.js'
import { checkChain, openSocket, type RawSocket } from '../../helpers/raw-client.js'
import { until } from '../../helpers/until.js'

interface Site extends NodesOnOneStore {
  /** A member of every group. */
  readonly bob: string
  /** Joins and leaves by way of a node, as Gate asks for them. */
  join: (user: string, group: string) => Promise<void>
  leave: (user: string, group: string) => Promise<void>
  /** A member posts on a node. */
  post: (node: string, group: string, title: string) => Promise<void>
  /** Of which n2 has the streams: it needs n1 for nothing. */
  user: (stem: string) => string
  group: (stem: string) => string
  takeAway: (what: readonly Away[]) => void
  giveBack: () => void
}
type Away = 'link' | 'store'

/** The sockets are on n1, which is the one that has trouble; everything else goes by way of n2. */
async function start (t: Test): Promise<Site> {
  const nodes = await startNodes(t, ['n1', 'n2'])
  const gate = startTestWatcher(t, { bus: nodes.hub.connect('gate') })
  const ask = async (kind: string, user: string, group: string): Promise<void> => { await gate.ask('n2' as NodeId, kind, { user, group }, 5_000) }
  const bob = nodes.userOf('n2', 'bob')
  return {
    ...nodes,
    bob,
    user: stem => nodes.userOf('n2', stem),
    group: stem => nodes.groupOf('n2', stem),
    join: async (user, group) => { await ask('join-group', user, group) },
    leave: async (user, group) => { await ask('leave-group', user, group) },
    post: async (node, group, title) => { await nodes.session(bob, node).send({ to: { group }, title }) },
    takeAway: what => {
      if (what.includes('link')) nodes.hub.disconnect('n1')
      nodes.stores['n1']!.isAway = what.includes('store')
    },
    giveBack: () => {
      nodes.stores['n1']!.isAway = false
      nodes.hub.reconnect('n1')
    }
  }
}

const has = (socket: RawSocket, title: string): boolean => socket.titles().includes(title)
const isTold = (socket: RawSocket, group: string, joined: boolean): boolean => socket.entries.some(entry => entry['group'] === group && entry['joined'] === joined)
const settles = async (what: string, isSettled: () => boolean): Promise<void> => { await until(what, isSettled, 5_000) }

const outages: Away[][] = [['link'], ['store'], ['link', 'store']]

t.test('leave and join - a leave holds at once on a socket whose node is cut off', async t => {
  const site = await start(t)
  for (const [i, away] of outages.entries()) {
    const group = site.group(`staff ${i} `)
    const [eve, bob] = [site.user(`eve ${i} `), site.bob]
    for (const user of [eve, bob]) await site.join(user, group)
    const [ofEve, ofBob] = [await openSocket(t, site.session(eve, 'n1')), await openSocket(t, site.session(bob, 'n1'))]
    await site.post('n2', group, `before ${i}`)
    await settles('both have it', () => has(ofEve, `before ${i}`) && has(ofBob, `before ${i}`))
    site.takeAway(away)
    await site.leave(eve, group)
    const after: string[] = []
    const post = async (node: string): Promise<void> => { after.push(`after ${i} ${after.length}`); await site.post(node, group, after.at(-1)!) }
    for (let n = 0; n < 3; n++) await post('n2')
    if (!away.includes('store')) {
      for (let n = 0; n < 3; n++) await post('n1')
      await settles('its own members have what the node stores itself, and what lies before', () => after.every(title => has(ofBob, title)))
    }
    site.giveBack()
    await post('n2')
    await settles('the member has it all', () => after.every(title => has(ofBob, title)))
    await settles('who left is told', () => isTold(ofEve, group, false))
    await post('n1')
    await settles('the last one', () => has(ofBob, after.at(-1)!))
    t.same(ofEve.titles(`g:${group}`), [`before ${i}`], `nothing after the leave, without ${away.join(' and ')}`)
    checkChain(t, ofBob.entries, `g:${group}`, ofBob.ready.heads[`g:${group}`] ?? -1, 'the member')
    for (const socket of [ofEve, ofBob]) { t.same(socket.behinds, []); socket.close() }
  }
})

t.test('leave and join - volatile messages of a group reach nobody who left, and its members again once the node has heard all', async t => {
  const site = await start(t)
  const [group, eve] = [site.group('staff '), site.user('eve ')]
  for (const user of [eve, site.bob]) await site.join(user, group)
  const [ofEve, ofBob] = [await openSocket(t, site.session(eve, 'n1')), await openSocket(t, site.session(site.bob, 'n1'))]
  let count = 0
  const post = async (node: string): Promise<number> =>
    (await site.session(site.bob, node).call('POST', '/messages', { body: { to: { group }, title: `v${count++}`, volatile: true } })).status
  await until('both get them', async () => { await post('n2'); return ofEve.titles().length > 0 && ofBob.titles().length > 0 }, 5_000)
  site.takeAway(['link'])
  await site.leave(eve, group)
  const leftAt = count
  t.equal(await post('n1'), 503, 'refused where nobody knows who has left')
  for (let n = 0; n < 5; n++) await post('n2')
  // Back, and late to hear what it has missed, from a store that is away at first.
  site.stores['n1']!.isAway = true
  site.hub.reconnect('n1')
  for (let n = 0; n < 50; n++) { await post('n2'); await pause(10) }
  site.giveBack()
  await until('the member gets them again', async () => { await post('n2'); return ofBob.titles().some(title => Number(title.slice(1)) > leftAt + 56) }, 5_000)
  await settles('who left is told', () => isTold(ofEve, group, false))
  t.same(ofEve.titles().filter(title => Number(title.slice(1)) >= leftAt), [])
})

t.test('leave and join - a join holds on a socket whose node is cut off, with all that came since', async t => {
  const site = await start(t)
  for (const [i, away] of outages.entries()) {
    const group = site.group(`crew ${i} `)
    const ann = site.user(`ann ${i} `)
    await site.join(site.bob, group)
    await site.post('n2', group, 'too early')
    const socket = await openSocket(t, site.session(ann, 'n1'))
    site.takeAway(away)
    await site.join(ann, group)
    const titles = Array.from({ length: 5 }, (_, n) => `m ${i} ${n}`)
    for (const title of titles.slice(0, 3)) await site.post('n2', group, title)
    site.giveBack()
    for (const title of titles.slice(3)) await site.post('n2', group, title)
    await settles('everything after the join', () => titles.every(title => has(socket, title)) && isTold(socket, group, true))
    t.same(socket.titles(), titles, `without ${away.join(' and ')}`)
    const { after } = socket.entries.find(entry => entry['joined'] === true) as { after?: number }
    t.equal(checkChain(t, socket.entries, `g:${group}`, after ?? -1).length, 5)
    t.same(socket.behinds, [])
    socket.close()
  }
})

t.test('leave and join - whichever command of the store fails, once', async t => {
  const site = await start(t)
  const store = site.stores['n1']!
  for (let k = 0; k < 20; k++) {
    const [user, group] = [site.user(`u ${k} `), site.group(`g ${k} `)]
    await site.join(site.bob, group)
    const socket = await openSocket(t, site.session(user, 'n1'))
    // A broadcast that is lost makes the node read what it would have received.
    let isLost = k % 2 === 0
    const stop = site.hub.lose(({ subject, to }) => isLost && to === 'n1' && subject.includes('.push.'))
    let left = k >> 1
    store.fails = () => left-- === 0
    await site.join(user, group)
    await site.post('n2', group, 'inside')
    isLost = false
    await settles(`inside, with command ${k >> 1} failing`, () => has(socket, 'inside'))
    isLost = k % 2 === 0
    left = k >> 1
    await site.leave(user, group)
    await site.post('n2', group, 'outside')
    isLost = false
    await settles(`told, with command ${k >> 1} failing`, () => isTold(socket, group, false))
    store.fails = () => false
    stop()
    await site.post('n1', group, 'outside')
    t.same(socket.titles(), ['inside'])
    socket.close()
  }
})

t.test('leave and join - at random, through outages of all kinds: what a member is due, and nothing else', async t => {
  const site = await start(t)
  const store = site.stores['n1']!
  const groups = ['red', 'green', 'blue'].map(site.group)
  const users = ['ann', 'cid', 'dan', 'eve'].map(site.user)
  for (const group of groups) await site.join(site.bob, group)
  const sockets = await Promise.all(users.map(async user => await openSocket(t, site.session(user, 'n1'))))
  const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
  /** Titles by user and group: those of the membership that holds now, and those that are none of the user's. */
  const due = new Map<string, string[]>()
  const foreign = new Map<string, Set<string>>(users.map(user => [user, new Set()]))
  let count = 0
  const postAnywhere = async (group: string): Promise<void> => {
    const title = `m${count++}`
    await site.post('n2', group, title)
    for (const user of users) {
      const titles = due.get(`${user} ${group}`)
      if (titles === undefined) foreign.get(user)!.add(title)
      else titles.push(title)
    }
  }
  for (let round = 0; round < 40; round++) {
    const away = pick([['link'], ['store'], ['link', 'store'], []] as Away[][])
    site.takeAway(away)
    store.fails = Math.random() < 0.3 ? () => Math.random() < 0.3 : () => false
    for (let step = 0; step < 6; step++) {
      const group = pick(groups)
      const key = `${pick(users)} ${group}`
      const [user] = key.split(' ') as [string]
      if (Math.random() < 0.6) await postAnywhere(group)
      else if (due.delete(key)) await site.leave(user, group)
      else { await site.join(user, group); due.set(key, []) }
    }
    if (Math.random() < 0.5) site.giveBack()
  }
  store.fails = () => false
  site.giveBack()
  for (const group of groups) await postAnywhere(group)
  for (const [i, socket] of sockets.entries()) {
    const user = users[i]!
    const wanted = [...due].filter(([key]) => key.startsWith(`${user} `)).flatMap(([, titles]) => titles)
    await settles(`everything that ${user} is due`, () => wanted.every(title => has(socket, title)))
    t.same(socket.titles().filter(title => foreign.get(user)!.has(title)), [], `${user}: nothing that is not`)
    t.same(socket.behinds, [], 'a store that is away does not leave it behind')
  }
})
