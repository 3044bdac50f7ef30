/** Gate's dashboard in a browser, on nodes that answer from memory. On a running product: gate-admin-live.test.ts. */
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { noBrowser as skip, openPage, startBrowser } from '../helpers/browser.js'
import { createMemorySite, type MemoryNode, type MemorySite } from '../helpers/memory-nodes.js'
import { allowed, until } from '../helpers/until.js'
import { signLink } from '../../shared/platform/identity/link.js'

/** One for all tests: starting it takes longer than most of them. */
const browser = skip === false ? startBrowser(t) : Promise.reject(new Error(skip))
browser.catch(() => {})

const beta = '<b>beta</b> 🦉'
interface Opened { page: Page, site: MemorySite, faults: string[], alpha: MemoryNode, secondNode: MemoryNode, url: string }

async function openAdmin (t: Test, { width = 1400, dark = false }: { width?: number, dark?: boolean } = {}): Promise<Opened> {
  const site = createMemorySite(t)
  const [alpha, secondNode] = [site.addNode('alpha'), site.addNode(beta)]
  alpha.load = { process: 'p', sockets: 1234, users: 900, messagesPerSecond: 12.34, eventLoopLagMs: 0.5, rssBytes: 150 * 2 ** 20 }
  secondNode.load = { process: 'p', sockets: 66, users: 50, rssBytes: 150 * 2 ** 20, store: 'mongodb (unreachable)' }
  const gate = await site.addGate('gate')
  const { page, faults } = await openPage(t, await browser, gate.url, { width, dark, path: '/gate/admin' })
  return { page, site, faults, alpha, secondNode, url: gate.url }
}

async function signIn ({ page, site }: Opened): Promise<void> {
  await page.getByLabel('Admin token').fill('')
  // By keyboard alone: the field has the focus.
  await page.keyboard.type(site.token('admin', 'operator'))
  await page.keyboard.press('Enter')
  await page.getByRole('rowheader', { name: 'alpha' }).waitFor()
}

const rowOf = (page: Page, name: string): ReturnType<Page['locator']> => page.locator('.cluster tbody tr').filter({ hasText: name })

t.test('sign-in - says what is wrong with a token and what to do; the link leaves no token in the address', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, faults, site, url } = opened
  const attempt = async (token: string, says: RegExp): Promise<void> => {
    await page.getByLabel('Admin token').fill(token)
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: says }).waitFor()
  }
  await attempt('hello', /no token/)
  await attempt(site.token('user'), /--scope admin/)
  await attempt(createMemorySite(t).token('admin').replace(/.$/, end => end === 'A' ? 'B' : 'A').replace(/[^.]{20}$/, 'x'.repeat(20)), /another secret.*another folder/)
  await attempt(site.token('admin', 'me', { exp: 1_000_000_000 }), /has ended/)
  await signIn(opened)
  await page.reload()
  await page.getByRole('rowheader', { name: 'alpha' }).waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  t.ok(await page.getByLabel('Admin token').isVisible())
  t.equal(await page.evaluate(() => sessionStorage.length), 0)

  await page.goto(`${url}/gate/admin#token=${encodeURIComponent(site.token('admin'))}`)
  await page.getByRole('rowheader', { name: 'alpha' }).waitFor()
  t.equal(page.url(), `${url}/gate/admin`)
  t.notMatch(JSON.stringify(await page.evaluate(() => [window.location.href, history.length])), /token/)
  const { link } = signLink({ secret: site.secret, sub: 'ops', sessionMs: 600_000 })
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.goto(`${url}/gate/admin#link=${link}`)
  await page.getByRole('rowheader', { name: 'alpha' }).waitFor()
  t.notMatch(JSON.stringify(await page.evaluate(() => [window.location.href, history.length])), /link/)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.goto(`${url}/gate/admin#link=${link}`)
  await page.getByRole('alert').filter({ hasText: /was used already.*signs in once.*npx gatepost admin-link/ }).waitFor()
  t.ok(await page.getByLabel('Admin token').isVisible())
  t.same(faults.filter(fault => !/40[13]/.test(fault)), [])
})

t.test('cluster - nodes, totals by process, charts and the ring, and all of it changes by itself', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, site, faults } = opened
  await signIn(opened)
  const row = rowOf(page, 'alpha')
  await until('the load', async () => (await row.innerText()).includes('1,234'), 5_000)
  t.match(await row.innerText(), /alpha[^]*up[^]*%[^]*1,234[^]*900[^]*12\.3\/s[^]*0\.5 ms[^]*150 MB[^]*lmdb, in-process[^]*1\.0\.0/)
  t.equal(await page.locator('tbody b').count(), 0, 'a name is text, not markup')
  t.match(await page.locator('#summary').innerText(), /^2 up · 950 users$/)
  t.match(await page.locator('.ring').getAttribute('aria-label'), /alpha \d+\.\d%/)
  const sockets = page.getByRole('img', { name: /^Open sockets/ })
  await until('a step of the charts', async () => /1,300 now/.test(await sockets.getAttribute('aria-label') ?? ''), 15_000)
  t.match(await page.getByRole('img', { name: /^Memory/ }).getAttribute('aria-label'), /MB now/)
  await sockets.focus()
  await page.keyboard.press('ArrowLeft')
  await page.getByText(/\d\d:\d\d:\d\d: (1,300|nothing heard|0)/).waitFor()
  site.addNode('gamma')
  await page.getByRole('rowheader', { name: 'gamma' }).waitFor({ timeout: allowed(6_000) })
  await page.getByRole('listitem').filter({ hasText: 'gamma joined' }).waitFor()
  t.same(faults, [])
})

t.test('drain - asks first, shows how far it is and its end, and puts back, by keyboard', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, alpha, faults } = opened
  await signIn(opened)
  await page.getByRole('button', { name: 'Drain alpha' }).focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Drain alpha?' })
  await dialog.waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  t.equal(alpha.announced, 'up', 'Escape drains nothing')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Drain', exact: true }).click()
  const back = page.getByRole('button', { name: 'Put back alpha' })
  await back.waitFor()
  await page.getByText('1,234 of 1,234 sockets left').waitFor()
  alpha.load = { ...alpha.load, sockets: 234 }
  await page.getByText('234 of 1,234 sockets left').waitFor()
  t.ok(await page.getByRole('progressbar', { name: 'Drain of alpha' }).isVisible())
  alpha.load = { ...alpha.load, sockets: 0 }
  await page.getByText(/no socket left since/).waitFor()
  t.match(await page.locator('#summary').innerText(), /1 up, 1 draining/)
  await until('the focus stays', async () => await back.evaluate(button => button === document.activeElement))
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Drain alpha' }).waitFor()
  await page.getByRole('listitem').filter({ hasText: 'alpha takes users again' }).waitFor()
  t.same(faults, [])
})

t.test('drain - asked again at once after Escape, however slowly Gate answers', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, alpha } = opened
  await signIn(opened)
  await page.route('**/overview', () => {})
  const dialog = page.getByRole('dialog', { name: 'Drain alpha?' })
  await page.getByRole('button', { name: 'Drain alpha' }).focus()
  for (const key of ['Escape', 'Escape', 'Tab']) {
    await page.keyboard.press('Enter')
    await dialog.waitFor()
    await page.keyboard.press(key)
    if (key === 'Escape') await dialog.waitFor({ state: 'hidden' })
  }
  await page.keyboard.press('Enter')
  await until('it drains', () => alpha.announced === 'draining')
})

t.test('drain - the last node is drained only by whoever types its name', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, alpha, secondNode, faults } = opened
  await signIn(opened)
  secondNode.announced = 'draining'
  await rowOf(page, 'beta').getByText(/draining|drained/).waitFor()
  await page.getByRole('button', { name: 'Drain alpha' }).click()
  const dialog = page.getByRole('dialog', { name: 'alpha is the last node that takes users' })
  t.match(await dialog.innerText(), /nobody can sign in/)
  const yes = dialog.getByRole('button', { name: 'Drain the last node' })
  t.ok(await yes.isDisabled())
  await page.keyboard.type('alpah')
  await page.keyboard.press('Enter')
  t.ok(await yes.isDisabled())
  t.equal(alpha.announced, 'up')
  await dialog.getByRole('textbox').fill('alpha')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Put back alpha' }).waitFor()
  t.same(faults, [])
})

t.test('a node dies, and Gate falls silent - what is not known is said', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, site } = opened
  await signIn(opened)
  site.hub.disconnect('alpha')
  await rowOf(page, 'alpha').getByText('down', { exact: true }).waitFor()
  t.notMatch(await rowOf(page, 'alpha').innerText(), /1,234|150 MB/, 'what it had is not known any more')
  await page.getByRole('listitem').filter({ hasText: 'alpha died' }).waitFor()
  await until('the totals', async () => (await page.locator('#summary').innerText()).startsWith('1 up, 1 down · 50 users'))
  site.hub.reconnect('alpha')
  await rowOf(page, 'alpha').getByText('up', { exact: true }).waitFor()
  await page.context().setOffline(true)
  await page.getByRole('alert').filter({ hasText: /does not answer.*what you see is \d+ s old/ }).waitFor({ timeout: allowed(6_000) })
  t.ok(await page.getByRole('rowheader', { name: 'alpha' }).isVisible(), 'what was known stays')
  await page.context().setOffline(false)
  await page.getByRole('alert').waitFor({ state: 'hidden', timeout: allowed(6_000) })
})

for (const width of [320, 1024]) {
  t.test(`a window of ${width} px - nothing runs out of the side, and buttons are large enough for a thumb`, { skip }, async t => {
    const opened = await openAdmin(t, { width, dark: true })
    const { page, faults } = opened
    await signIn(opened)
    for (const link of ['Cluster', 'User', 'Message', 'Announce']) {
      await page.getByRole('link', { name: link, exact: true }).click()
      await page.getByRole('heading', { name: link, level: 1 }).waitFor()
      t.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), link)
    }
    await page.getByRole('link', { name: 'Cluster', exact: true }).click()
    const button = await page.getByRole('button', { name: 'Drain alpha' }).boundingBox()
    t.ok((button?.height ?? 0) >= 44)
    t.same(faults, [])
  })
}

t.test('right to left, as a browser translates it - charts stay within their cards, steps have their marks beside them', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, site, url } = opened
  await signIn(opened)
  await page.evaluate(() => { document.documentElement.dir = 'rtl' })
  await page.locator('.plot .axis').first().waitFor()
  const outside = await page.locator('.plot .axis').evaluateAll(labels => labels.flatMap(label => {
    const [inner, outer] = [label, label.closest('.card') as Element].map(element => element.getBoundingClientRect()) as [DOMRect, DOMRect]
    return inner.left >= outer.left && inner.right <= outer.right ? [] : [`${label.textContent} at ${inner.left} to ${inner.right} of ${outer.left} to ${outer.right}`]
  }))
  t.same(outside, [])

  const answer = await fetch(`${url}/gate/messages`, { method: 'POST', headers: { authorization: `Bearer ${site.token('producer')}`, 'content-type': 'application/json' }, body: '{"to":{"user":"ann"},"title":"x"}' })
  const { id } = await answer.json() as { id: string }
  await page.evaluate(id => { window.location.hash = `#/message?id=${id}&user=ann` }, id)
  const sides = await page.locator('.steps li').first().evaluate(step => {
    const { right } = step.getBoundingClientRect()
    return { text: right - (step.querySelector('b') as Element).getBoundingClientRect().right, mark: parseFloat(getComputedStyle(step, '::before').right) }
  })
  t.ok(sides.mark === 0 && sides.text > 20, JSON.stringify(sides))
})

t.test('documents - the page shows the routes, from this Gate alone', { skip }, async t => {
  const site = createMemorySite(t)
  const gate = await site.addGate('gate')
  const { page, faults } = await openPage(t, await browser, gate.url, { path: '/gate/docs' })
  await page.getByText('/gate/assign').first().waitFor()
  await page.getByText('Gatepost Gate').first().waitFor()
  t.same(faults, [])
})
