import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { noBrowser as skip, openPage, startBrowser } from '../helpers/browser.js'
import { createMemorySite, type MemorySite } from '../helpers/memory-nodes.js'
import { until } from '../helpers/until.js'

interface Opened { page: Page, site: MemorySite, faults: string[] }

async function openAdmin (t: Test, { width = 1280 }: { width?: number } = {}): Promise<Opened> {
  const site = createMemorySite(t)
  site.addNode('alpha').load = { sockets: 1234, users: 900, messagesPerSecond: 12.34, eventLoopLagMs: 0.5, rssBytes: 150 * 2 ** 20 }
  site.addNode('<b>beta</b> 🦉').load = { sockets: 66, users: 50, store: 'mongodb (unreachable)' }
  const gate = await site.addGate('gate')
  const { page, faults } = await openPage(t, await startBrowser(t), gate.url, { width, path: '/gate/admin' })
  return { page, site, faults }
}

async function signIn ({ page, site }: Opened, scope = 'admin'): Promise<void> {
  // By keyboard alone: the field has the focus.
  await page.keyboard.type(site.token(scope))
  await page.keyboard.press('Enter')
}

t.test('dashboard - asks for a token, and says why one is refused', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, faults } = opened
  t.equal(await page.locator('#nodes').isVisible(), false)
  await signIn(opened, 'user')
  await page.getByRole('alert').filter({ hasText: 'GP_SCOPE' }).waitFor()
  await signIn(opened)
  await page.getByText('alpha', { exact: true }).waitFor()
  t.equal(await page.getByRole('alert').isVisible(), false)
  await page.reload()
  await page.getByText('alpha', { exact: true }).waitFor()
  t.pass('kept over a reload')
  await page.getByRole('button', { name: 'Forget the token' }).click()
  t.ok(await page.getByLabel('Admin token').isVisible())
  t.equal(await page.evaluate(() => sessionStorage.length), 0)
  t.same(faults.filter(fault => !fault.includes('403')), [])
})

t.test('dashboard - shows every node, and changes by itself', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, site, faults } = opened
  await signIn(opened)
  const row = page.locator('tbody tr').filter({ hasText: 'alpha' })
  await until('the load', async () => (await row.innerText()).includes('1,234'), 5_000)
  t.match(await row.innerText(), /alpha[^]*up[^]*%[^]*1,234[^]*900[^]*12\.3[^]*0\.5 ms[^]*150 MB[^]*lmdb, in-process[^]*1\.0\.0/)
  t.equal(await page.locator('tbody tr').count(), 2)
  t.equal(await page.locator('tbody b').count(), 0, 'a name is text, not markup')
  await until('the totals', async () => (await page.locator('tfoot').innerText()).includes('1,300'))
  t.equal(await page.locator('#summary').innerText(), '2 up')
  site.addNode('gamma')
  await page.getByText('gamma', { exact: true }).waitFor({ timeout: 6_000 })
  t.same(faults, [])
})

t.test('dashboard - drains a node and puts it back, by keyboard', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page, site, faults } = opened
  await signIn(opened)
  page.on('dialog', dialog => { void dialog.accept() })
  await page.getByRole('button', { name: 'Drain alpha' }).focus()
  await page.keyboard.press('Enter')
  const back = page.getByRole('button', { name: 'Put back alpha' })
  await back.waitFor()
  t.equal(site.stored.length, 0)
  await until('the focus stays', async () => await back.evaluate(button => button === document.activeElement))
  t.match(await page.locator('#summary').innerText(), /1 up, 1 draining/)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Drain alpha' }).waitFor()
  t.same(faults, [])
})

t.test('dashboard - Gate out of reach: says so, and goes on when it is back', { skip }, async t => {
  const opened = await openAdmin(t)
  const { page } = opened
  await signIn(opened)
  await page.getByText('alpha', { exact: true }).waitFor()
  await page.context().setOffline(true)
  await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor({ timeout: 6_000 })
  t.ok(await page.getByText('alpha', { exact: true }).isVisible(), 'what was known stays')
  await page.context().setOffline(false)
  await page.getByRole('alert').waitFor({ state: 'hidden', timeout: 6_000 })
})

t.test('dashboard - on a phone nothing runs out of the side', { skip }, async t => {
  const opened = await openAdmin(t, { width: 360 })
  const { page } = opened
  await signIn(opened)
  await page.getByText('alpha', { exact: true }).waitFor()
  t.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth))
  const button = await page.getByRole('button', { name: 'Drain alpha' }).boundingBox()
  t.ok((button?.height ?? 0) >= 44, 'large enough for a thumb')
})

t.test('documents - the page shows the routes, from this Gate alone', { skip }, async t => {
  const site = createMemorySite(t)
  const gate = await site.addGate('gate')
  const { page, faults } = await openPage(t, await startBrowser(t), gate.url, { path: '/gate/docs' })
  await page.getByText('/gate/assign').first().waitFor()
  await page.getByText('Gatepost Gate').first().waitFor()
  t.same(faults, [])
})
