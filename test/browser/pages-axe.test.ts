/** axe-core finds nothing on any page of Gate's dashboard, and on the demo with its phones; in light and dark, wide and narrow. `npm run test:full` looks at more ways. */
import t from 'tap'
import { look } from '../helpers/axe.js'
import { noBrowser as skip, openPage, startBrowser } from '../helpers/browser.js'
import { startEmbedded } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { createMemorySite } from '../helpers/memory-nodes.js'

const all = [320, 768, 1400].flatMap(width => [false, true].map(dark => [width, dark] as const))
const ways = isFull ? all : [[1400, false], [320, true]] as const
const nameOf = (width: number, dark: boolean): string => `${width}-${dark ? 'dark' : 'light'}`

t.test('dashboard - axe finds nothing', { skip, timeout: 280_000 }, async t => {
  const site = createMemorySite(t)
  for (const id of ['alpha', 'beta']) site.addNode(id).sockets.set('ann', 1)
  const gate = await site.addGate('gate')
  const answer = await fetch(`${gate.url}/gate/messages`, { method: 'POST', headers: { authorization: `Bearer ${site.token('producer')}`, 'content-type': 'application/json' }, body: '{"to":{"user":"ann"},"title":"Where am I?"}' })
  const { id } = await answer.json() as { id: string }
  const browser = await startBrowser(t)
  for (const [width, dark] of ways) {
    const { page, faults } = await openPage(t, browser, gate.url, { width, dark, path: `/gate/admin#token=${site.token('admin')}` })
    await page.getByRole('rowheader', { name: 'alpha' }).waitFor()
    for (const [name, hash] of [['Cluster', '#/'], ['User', '#/user?name=ann'], ['Message', `#/message?id=${id}&user=ann`], ['Announce', '#/announce'], ['signed out', undefined]] as const) {
      if (hash === undefined) await page.getByRole('button', { name: 'Sign out' }).click()
      else {
        await page.evaluate(to => { window.location.hash = to }, hash)
        await page.getByRole('heading', { name, level: 1 }).waitFor()
        if (name === 'User') await page.getByText('2 sockets on 2 nodes').waitFor()
        if (name === 'Message') await page.locator('.steps li').first().waitFor()
      }
      t.same(await look(page, `admin-${name}-${nameOf(width, dark)}`), [], `${name}, ${nameOf(width, dark)}`)
    }
    t.same(faults, [])
    await page.context().close()
  }
})

t.test('dashboard - axe finds nothing before there are figures', { skip, timeout: 280_000 }, async t => {
  const site = createMemorySite(t)
  const gate = await site.addGate('gate')
  const browser = await startBrowser(t)
  const { page } = await openPage(t, browser, gate.url, { path: '/gate/admin' })
  for (const path of ['history', 'ring']) await page.route(`**/gate/${path}`, () => {})
  await page.evaluate(token => { window.location.hash = `token=${token}` }, site.token('admin'))
  await page.reload({ waitUntil: 'commit' })
  await page.getByRole('heading', { name: 'The ring' }).waitFor()
  t.same(await look(page, 'admin-before'), [])
})

t.test('demo - axe finds nothing', { skip, timeout: 280_000 }, async t => {
  const site = await startEmbedded(t, { settings: { GATEPOST_DEMO: 'true' }, nodes: 2 })
  const browser = await startBrowser(t)
  for (const [width, dark] of ways) {
    const { page, faults } = await openPage(t, browser, site.gate, { width, dark, path: '/gate/demo' })
    for (const phone of ['#phone-1', '#phone-2']) await page.locator(`${phone}[data-state=live]`).waitFor()
    await page.locator('[data-kind=order]').click()
    await page.frameLocator('#phone-1 iframe').locator('.row').first().waitFor()
    t.same(await look(page, `demo-${nameOf(width, dark)}`), [], nameOf(width, dark))
    t.same(faults, [])
    await page.locator('#phone-2').getByRole('switch').click()
    await page.locator('#phone-2 dd', { hasText: 'offline' }).waitFor()
    t.same(await look(page, `demo-cut-${nameOf(width, dark)}`), [], `${nameOf(width, dark)}, one phone cut off`)
    await page.context().close()
  }
})
