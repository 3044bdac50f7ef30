/** axe-core finds nothing on any page of Gate's dashboard, in light and dark, wide and narrow. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import t from 'tap'
import { noBrowser as skip, openPage, startBrowser } from '../helpers/browser.js'
import { createMemorySite } from '../helpers/memory-nodes.js'

interface Axe { run: (options: object) => Promise<{ violations: Array<{ id: string, nodes: Array<{ target: unknown }> }> }> }
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

t.test('dashboard - axe finds nothing', { skip }, async t => {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  const site = createMemorySite(t)
  for (const id of ['alpha', 'beta']) site.addNode(id).sockets.set('ann', 1)
  const gate = await site.addGate('gate')
  const browser = await startBrowser(t)
  for (const [width, dark] of [[1400, false], [380, true]] as const) {
    const { page, faults } = await openPage(t, browser, gate.url, { width, dark, path: `/gate/admin#token=${site.token('admin')}` })
    await page.getByRole('rowheader', { name: 'alpha' }).waitFor()
    for (const [name, hash] of [['Cluster', '#/'], ['User', '#/user?name=ann'], ['Message', '#/message'], ['Announce', '#/announce'], ['signed out', undefined]] as const) {
      if (hash === undefined) await page.getByRole('button', { name: 'Sign out' }).click()
      else {
        await page.evaluate(to => { window.location.hash = to }, hash)
        await page.getByRole('heading', { name, level: 1 }).waitFor()
        if (name === 'User') await page.getByText('2 sockets on 2 nodes').waitFor()
      }
      await page.evaluate(source)
      const found = await page.evaluate(async runOnly => {
        const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run({ runOnly })
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => String(target)).join(', ')}`)
      }, rules)
      t.same(found, [], `${name}, ${width} px`)
    }
    t.same(faults, [])
  }
})
