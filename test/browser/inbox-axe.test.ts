/**
 * axe-core finds nothing in the inbox, whatever state it is in; in light and dark, on phones and wide windows, from left to right and from right
 * to left. `npm test` looks at two of the twelve ways, `npm run test:full` at all.
 */
import type { Browser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { GatepostInbox } from '../../clients/gatepost-inbox.js'
import { look } from '../helpers/axe.js'
import { noBrowser as skip, openPage, startBrowser, startSite } from '../helpers/browser.js'
import { startEmbedded, type Deployment } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { nowSeconds } from '../helpers/tokens.js'

interface Way { readonly width: number, readonly dark: boolean, readonly isRtl: boolean }

const all: Way[] = [320, 768, 1400].flatMap(width => [false, true].flatMap(dark => [false, true].map(isRtl => ({ width, dark, isRtl }))))
const ways: readonly Way[] = isFull ? all : [{ width: 320, dark: true, isRtl: true }, { width: 1400, dark: false, isRtl: false }]
const nameOf = ({ width, dark, isRtl }: Way): string => `${width}-${dark ? 'dark' : 'light'}-${isRtl ? 'rtl' : 'ltr'}`

const texts = {
  ltr: { mail: 'Shall we meet on Friday?', body: 'The café at the station, half past six?\nhttps://cafe.example/table/5', reply: 'Yes, gladly.', group: 'Club evening', order: 'Your order 1044 has been sent', long: 'Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüsselanhänger'.repeat(3) },
  rtl: { mail: 'هل نلتقي يوم الجمعة؟', body: 'في المقهى عند المحطة، الساعة السادسة والنصف؟\nhttps://cafe.example/table/5', reply: 'نعم، بكل سرور.', group: 'أمسية النادي', order: 'تم إرسال طلبك رقم 1044', long: 'رسالة طويلة جدا '.repeat(12) }
} as const

async function fill (site: Deployment, user: string, isRtl: boolean): Promise<void> {
  const said = texts[isRtl ? 'rtl' : 'ltr']
  const send = async (messages: readonly object[]): Promise<void> => {
    const answer = await fetch(`${site.gate}/gate/messages`, { method: 'POST', headers: { authorization: `Bearer ${site.producerToken()}`, 'content-type': 'application/json' }, body: JSON.stringify(messages) })
    if (answer.status !== 207) throw new Error(await answer.text())
  }
  const mail = async (from: string, to: string, name: string, body: object): Promise<void> => {
    const { node, ticket } = await (await fetch(`${site.gate}/gate/assign`, { headers: { authorization: `Bearer ${site.userToken(from, { name, groups: ['club'] })}` } })).json() as { node: { url: string }, ticket: string }
    const answer = await fetch(`${node.url}/messages`, { method: 'POST', headers: { authorization: `Bearer ${ticket}`, 'content-type': 'application/json' }, body: JSON.stringify({ to: { user: to }, ...body }) })
    if (answer.status !== 201) throw new Error(await answer.text())
  }
  await mail(user, 'bob', 'Ann Lee', { body: said.reply })
  await send([
    ...Array.from({ length: 12 }, (_, i) => ({ to: { user }, title: `${said.group} ${i + 1}`, category: 'news' })),
    { to: { user }, title: said.long, body: said.long },
    { to: { all: true }, title: said.group, body: said.body, sender: { name: 'Town hall' } },
    { to: { group: 'club' }, title: said.group, body: said.body },
    { to: { user }, title: said.order, body: said.body, category: 'orders', url: '/orders/1044', actions: [{ id: 'track', label: 'Track', url: '/orders/1044/track' }, { id: 'later', label: 'Remind me' }], sender: { name: 'Shop' } }
  ])
  await mail('bob', user, 'Bob Stone', { title: said.mail, body: said.body })
}

/** Gives the element what it needs, in English or Arabic. */
async function connect (page: Page, { isRtl }: Way, gate: string, token: string): Promise<void> {
  await page.evaluate(({ gate, token, isRtl }) => {
    Object.assign(document.documentElement, { lang: isRtl ? 'ar' : 'en', dir: isRtl ? 'rtl' : 'ltr' })
    const inbox = document.querySelector('gatepost-inbox') as GatepostInbox
    for (const name of ['notify', 'sound']) inbox.setAttribute(name, '')
    inbox.lang = isRtl ? 'ar' : 'en'
    Object.assign(inbox, { gate, token, categories: [{ name: 'orders', label: isRtl ? 'الطلبات' : 'Orders' }] })
  }, { gate, token, isRtl })
}

type Check = (page: Page, state: string) => Promise<void>

/** With the inbox full. */
async function walk (page: Page, check: Check): Promise<void> {
  const first = page.locator('.item').first()
  await page.locator('.badge').waitFor()
  await page.locator('.bell').click()
  await first.waitFor()
  await check(page, 'list')
  await first.hover()
  await check(page, 'hover')
  await first.locator('.more').click()
  await page.locator('.menu [role=menuitem]').first().waitFor()
  await check(page, 'row-menu')
  await page.keyboard.press('Escape')
  await page.locator('.head .options').click()
  await page.locator('.menu [role=menuitemcheckbox]').first().waitFor()
  await check(page, 'menu')
  await page.locator('.menu [role=menuitem]').last().click()
  for (const at of [0, 1]) await page.locator('.pick').nth(at).click()
  await check(page, 'selection')
  await page.locator('.selection .archive').click()
  await page.locator('.toast .undo').waitFor()
  await check(page, 'undo')
  await page.locator('.toast .undo').click()
  await page.locator('.item', { hasText: 'Bob Stone' }).locator('.row').click()
  await page.locator('.bubble').first().waitFor()
  await page.locator('textarea').fill('…')
  await check(page, 'conversation')
  await page.locator('.head .back').click()
  await page.locator('.item', { hasText: '1044' }).locator('.more').click()
  await page.locator('.menu [role=menuitem]').first().click()
  await page.locator('article .choices').waitFor()
  await check(page, 'order')
  await page.locator('.head .back').click()
  for (const [state, index] of [['archive', 3], ['sent', 4]] as const) {
    await page.locator('.tab').nth(index).click()
    await page.locator(state === 'sent' ? '.item' : '.blank:visible').first().waitFor()
    await check(page, state)
  }
  await page.locator('.tab').first().click()
  await first.waitFor()
  await page.context().setOffline(true)
  await page.locator('.notice.state:visible').waitFor()
  await check(page, 'offline')
  await page.context().setOffline(false)
}

/** What stands in the place of a list. */
async function walkWithout (browser: Browser, t: Test, pages: string, site: Deployment, way: Way, check: Check): Promise<void> {
  const open = async (token: string, before?: (page: Page) => Promise<void>): Promise<Page> => {
    const { page } = await openPage(t, browser, pages, { width: way.width, height: way.width === 320 ? 640 : 800, dark: way.dark })
    await before?.(page)
    await connect(page, way, site.gate, token)
    await page.locator('.bell').click()
    return page
  }
  const states: ReadonlyArray<readonly [string, () => Promise<Page>, string]> = [
    ['empty', async () => { const page = await open(site.userToken('nobody-yet')); await page.locator('.tab').nth(2).click(); return page }, '.blank:visible'],
    ['refused', async () => await open(site.userToken('ann').slice(0, -3)), '.blank .again:visible'],
    ['expired', async () => await open(site.userToken(`short-${nameOf(way)}`, { exp: nowSeconds() + 4 })), '.notice.bad:visible, .blank .again:visible'],
    ['loading', async () => await open(site.userToken('ann'), async page => { await page.route('**/messages?*', () => {}) }), '.skeleton:visible'],
    ['failed', async () => await open(site.userToken('ann'), async page => { await page.route('**/messages?*', async route => { await route.fulfill({ status: 400, body: '{"code":"GP_VALIDATION","message":"no"}', headers: { 'access-control-allow-origin': '*' } }) }) }), '.blank .again:visible']
  ]
  for (const [state, opened, sign] of states) {
    const page = await opened()
    await page.locator(sign).waitFor()
    await check(page, state)
    await page.context().close()
  }
}

t.test('inbox - axe finds nothing', { skip, timeout: isFull ? 900_000 : 280_000 }, async t => {
  const site = await startEmbedded(t, { nodes: 1 })
  const browser = await startBrowser(t)
  const pages = await startSite(t, '<header><h1>Site</h1><gatepost-inbox></gatepost-inbox></header><main><p>A page with a bell.</p></main>')
  for (const way of ways) {
    await t.test(nameOf(way), async t => {
      const user = `ann-${nameOf(way)}`
      const check: Check = async (page, state) => { t.same(await look(page, `inbox-${state}-${nameOf(way)}`), [], state) }
      await fill(site, user, way.isRtl)
      const { page, faults } = await openPage(t, browser, pages, { width: way.width, height: way.width === 320 ? 640 : 800, dark: way.dark })
      await connect(page, way, site.gate, site.userToken(user, { name: 'Ann Lee', groups: ['club'] }))
      await walk(page, check)
      t.same(faults.filter(fault => !/WebSocket connection|net::ERR_|Failed to load resource/.test(fault)), [])
      await walkWithout(browser, t, pages, site, way, check)
    })
  }
})
