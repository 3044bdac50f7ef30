import type { Page } from 'playwright-core'
import t from 'tap'
import { noBrowser as skip, openPage, startBrowser, type Opened } from '../helpers/browser.js'
import { startDeployment } from '../helpers/deployment.js'
import { until } from '../helpers/until.js'

const bellOf = async (page: Page): Promise<string> => await page.locator('gatepost-inbox').getByRole('button').first().innerText()

t.test('demo - two people write to each other, live', { skip }, async t => {
  const site = await startDeployment(t, { settings: { GATEPOST_DEMO: 'true' } })
  const browser = await startBrowser(t)
  const open = async (user: string): Promise<Opened> => {
    const opened = await openPage(t, browser, site.gate, { path: '/', width: 480 })
    const { page } = opened
    t.match(page.url(), /\/gate\/demo$/)
    await page.getByLabel('Your name').fill(user)
    await page.keyboard.press('Enter')
    await page.getByText(`You are ${user}`).waitFor()
    return opened
  }
  const [ann, bob] = [await open('ann 🦉'), await open('bob')]
  await ann.page.getByRole('textbox', { name: 'To', exact: true }).fill('bob')
  await ann.page.getByRole('textbox', { name: 'Title', exact: true }).fill('Lunch?')
  await ann.page.getByRole('textbox', { name: 'Text', exact: true }).fill('At <b>noon</b>.')
  await ann.page.getByRole('button', { name: 'Send', exact: true }).click()
  await ann.page.getByText('Sent to bob.').waitFor()
  await until("bob's bell counts it", async () => (await bellOf(bob.page)).includes('1'))
  await bob.page.locator('gatepost-inbox').getByRole('button').first().click()
  await bob.page.getByText('Lunch?').first().waitFor()
  await bob.page.reload()
  await bob.page.getByText('You are bob').waitFor()
  t.ok(await bob.page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing runs out of the side')
  await bob.page.getByRole('button', { name: 'Be someone else' }).click()
  await bob.page.getByLabel('Your name').waitFor()
  t.same([ann.faults, bob.faults], [[], []])
})
