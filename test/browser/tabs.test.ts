/** One connection for all tabs of a user, in a browser that really freezes pages. */
import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { noBrowser, startSite } from '../helpers/browser.js'
import { startChromium, type ChromiumProcess, type Tab } from '../helpers/chromium-process.js'
import { allowed, until } from '../helpers/until.js'
import { startWireDouble, userToken, type WireDouble } from '../helpers/wire-double.js'

const bundle = await readFile(new URL('../../clients/dist/bundle/gatepost-client.js', import.meta.url), 'utf8').catch(() => '')
/** What the tabs must go on within. */
const limitMs = 5_000

/** An inbox that writes down what it gets, and how often a timer has run. */
const page = (wire: WireDouble, user: string, options = ''): string => `${bundle.replace(/export\s*\{([^}]*)\};?\s*(\/\/# sourceMappingURL.*)?\s*$/, (_all, names: string) => names.split(',').map(pair => {
  const [from = '', to = from] = pair.trim().split(' as ')
  return `globalThis.${to}=${from};`
}).join(''))}
const log = globalThis.log = { bodies: [], states: [], unread: 0, volatile: [], errors: [], ticks: 0, sent: [] }
setInterval(() => { log.ticks += 1 }, 50)
globalThis.inbox = createInbox({
  gate: ${JSON.stringify(wire.gateUrl)}, token: ${JSON.stringify(userToken(user))},
  timing: { retryBaseMs: 50 },
  onEntry: entry => { if (entry.type === 'message') log.bodies.push(entry.body) },
  onVolatile: ({ body }) => { log.volatile.push(body) },
  onUnread: ({ unread }) => { log.unread = unread },
  onState: state => { log.states.push(state) },
  onError: ({ code, message }) => { log.errors.push(code + ' ' + message) },
  ${options}
})`

interface Log { bodies: string[], states: string[], unread: number, volatile: string[], errors: string[], ticks: number, sent: string[] }
const logOf = async (tab: Tab): Promise<Log> => await tab.evaluate<Log>('globalThis.log')
const isLive = async (tab: Tab): Promise<boolean> => await tab.evaluate<boolean>('globalThis.inbox?.state === "live"')

interface Site { wire: WireDouble, browser: ChromiumProcess, url: string, open: (count: number) => Promise<Tab[]> }

async function start (t: Test, options = ''): Promise<Site> {
  const wire = await startWireDouble(t)
  const url = await startSite(t, '', page(wire, 'ann', options))
  const browser = await startChromium(t)
  return {
    wire, browser, url,
    async open (count) {
      const tabs: Tab[] = []
      for (let i = 0; i < count; i += 1) {
        const tab = await browser.open(url)
        tabs.push(tab)
        await until('live', async () => await isLive(tab))
      }
      return tabs
    }
  }
}

/** Posts, and says how long it took until each of the tabs had it. */
async function reach (wire: WireDouble, tabs: Tab[], body: string): Promise<number> {
  const sinceMs = performance.now()
  wire.post({ to: { user: 'ann' }, body })
  for (const tab of tabs) await until(`${body} in every tab`, async () => (await logOf(tab)).bodies.includes(body))
  return performance.now() - sinceMs
}

const sockets = (wire: WireDouble): number => wire.socketCountOf('ann')

t.test('tabs', { skip: noBrowser }, async t => {
  await t.test('tabs - ten tabs: one socket; entries, counts, read marks, sends and topics of each', async t => {
    const { wire, open } = await start(t)
    const tabs = await open(10)
    t.equal(sockets(wire), 1)
    t.ok(wire.seen.handshakes.length < tabs.length / 2, 'the lead changes only where a loaded machine keeps a tab from answering')
    await reach(wire, tabs, 'm1')
    await reach(wire, tabs, 'm2')
    for (const tab of tabs) await until('unread', async () => (await logOf(tab)).unread === 2)
    const [first, second, third] = tabs as [Tab, Tab, Tab]
    await third.evaluate('inbox.list().then(({ messages }) => inbox.markRead(messages[0].id)).then(() => 0)')
    for (const tab of tabs) await until('marked in each', async () => (await logOf(tab)).unread === 1)
    for (const [i, tab] of tabs.entries()) await tab.evaluate(`inbox.send({ to: { user: 'bob' }, body: 's${i}' }).then(() => 0)`)
    t.equal(wire.seen.sends.length, 10)
    for (const tab of tabs) await until('copies', async () => (await logOf(tab)).bodies.filter(body => body.startsWith('s')).length === 10)

    await second.evaluate("inbox.subscribe('a', 'both').then(() => 0)")
    await first.evaluate("inbox.subscribe('both').then(() => 0)")
    await second.evaluate("inbox.unsubscribe('both').then(() => 0)")
    wire.post({ to: { topic: 'a' }, body: 'va', volatile: true })
    wire.post({ to: { topic: 'both' }, body: 'vboth', volatile: true })
    await until('volatile', async () => (await logOf(first)).volatile.length === 1 && (await logOf(second)).volatile.length === 1)
    t.strictSame((await logOf(first)).volatile, ['vboth'])
    t.strictSame((await logOf(second)).volatile, ['va'])
    t.strictSame((await logOf(third)).volatile, [])

    // One catch-up for all.
    wire.cut('ann')
    for (let i = 0; i < 5; i += 1) wire.post({ to: { user: 'ann' }, body: `away${i}` })
    for (const tab of tabs) await until('caught up', async () => (await logOf(tab)).bodies.includes('away4'))
    t.equal(wire.seen.syncs, 0)
    await until('one socket', () => sockets(wire) === 1)
    for (const tab of tabs) {
      const { bodies, errors } = await logOf(tab)
      t.equal(new Set(bodies).size, bodies.length, 'nothing twice')
      t.strictSame(errors.filter(error => !error.startsWith('GP_UNREACHABLE')), [])
    }
  })

  const endings: Record<string, { end: (leader: Tab) => Promise<void>, back?: (leader: Tab) => Promise<void> }> = {
    closed: { end: async leader => { await leader.close() } },
    crashed: { end: async leader => { await leader.crash() } },
    frozen: {
      async end (leader) {
        await leader.freeze()
        const { ticks } = await logOf(leader)
        await new Promise(resolve => setTimeout(resolve, 500))
        if ((await logOf(leader)).ticks !== ticks) throw new Error('the page is not frozen')
      },
      back: async leader => { await leader.thaw() }
    },
    'stopped at a breakpoint': {
      async end (leader) {
        await leader.send('Debugger.enable')
        await leader.send('Debugger.pause')
        void leader.send('Runtime.evaluate', { expression: 'debugger' }).catch(() => {})
      },
      back: async leader => { await leader.send('Debugger.resume') }
    },
    'in the back/forward cache': {
      end: async leader => { await leader.send('Page.navigate', { url: 'about:blank' }) },
      back: async leader => { await leader.evaluate('history.back()').catch(() => {}) }
    }
  }
  for (const [how, { end, back }] of Object.entries(endings)) {
    await t.test(`tabs - the leading tab is ${how}: the others go on within 5 s, without a gap, and nothing is doubled`, async t => {
      const { wire, open } = await start(t)
      const [leader, ...others] = await open(3) as [Tab, Tab, Tab]
      await reach(wire, [leader, ...others], 'before')
      await end(leader)
      const tookMs = await reach(wire, others, 'during')
      t.ok(tookMs < allowed(limitMs), `${Math.ceil(tookMs)} ms`)
      t.comment(`${how}: ${Math.ceil(tookMs)} ms`)
      await others[0]?.evaluate("inbox.send({ to: { user: 'bob' }, body: 'sent' }).then(() => 0)")
      await reach(wire, others, 'after')
      if (back !== undefined) {
        await back(leader)
        const sinceMs = performance.now()
        await until('live again', async () => await isLive(leader).catch(() => false))
        await reach(wire, [leader, ...others], 'again')
        await until('one socket', () => sockets(wire) === 1)
        t.comment(`back: ${Math.ceil(performance.now() - sinceMs)} ms`)
      }
      for (const tab of back === undefined ? others : [leader, ...others]) {
        t.strictSame((await logOf(tab)).bodies, ['before', 'during', 'sent', 'after', ...back === undefined ? [] : ['again']])
      }
    })
  }

  await t.test('tabs - a tab that was stopped at a breakpoint while another one leads misses nothing', async t => {
    const { wire, open } = await start(t)
    const [leader, stopped] = await open(2) as [Tab, Tab]
    await endings['stopped at a breakpoint']?.end(stopped)
    await reach(wire, [leader], 'one')
    await reach(wire, [leader], 'two')
    await stopped.send('Debugger.resume')
    await until('both', async () => (await logOf(stopped)).bodies.length === 2)
    t.strictSame((await logOf(stopped)).bodies, ['one', 'two'])
  })

  await t.test('tabs - tabs: false has a socket of its own', async t => {
    const { wire, open } = await start(t, 'tabs: false')
    const tabs = await open(3)
    t.equal(sockets(wire), 3)
    await reach(wire, tabs, 'one')
  })
})
