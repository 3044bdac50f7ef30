/** The demo page of a running Gatepost, as two people use it. */
import t from 'tap'
import { noBrowser, openPage, startBrowser } from '../helpers/browser.js'
import { startEmbedded } from '../helpers/deployment.js'

t.test('demo page - two people write to each other and see it at once', { skip: noBrowser }, async t => {
  const { gate } = await startEmbedded(t, { settings: { GATEPOST_DEMO: 'true' } })
  const browser = await startBrowser(t)
  const [ann, bob] = await Promise.all(['Ann', 'Bob'].map(async user => {
    const { page, faults } = await openPage(t, browser, gate, { path: '/gate/demo' })
    await page.getByLabel('Your name').fill(user)
    await page.getByRole('button', { name: 'Open the inbox' }).click()
    await page.getByRole('button', { name: 'Messages' }).waitFor()
    return { page, faults }
  })) as [Awaited<ReturnType<typeof openPage>>, Awaited<ReturnType<typeof openPage>>]

  await bob.page.getByLabel('To', { exact: true }).fill('Ann')
  await bob.page.getByLabel('Title').fill('Lunch?')
  await bob.page.getByLabel('Text').fill('At noon,\nby the gate.')
  await bob.page.getByRole('button', { name: 'Send' }).click()
  await ann.page.getByRole('button', { name: 'Messages, 1 unread' }).click()
  await ann.page.locator('.row', { hasText: 'Lunch?' }).click()
  await ann.page.getByRole('heading', { name: 'Lunch?' }).waitFor()
  t.equal(await ann.page.locator('article .text').textContent(), 'At noon,\nby the gate.')
  await ann.page.locator('.badge').waitFor({ state: 'hidden' })
  const screenshots = process.env['GATEPOST_TEST_SCREENSHOTS']
  if (screenshots !== undefined) await ann.page.screenshot({ path: `${screenshots}/demo.png` })

  await bob.page.getByRole('button', { name: 'Messages' }).click()
  await bob.page.getByRole('tab', { name: 'Sent' }).click()
  await bob.page.locator('.row', { hasText: 'To Ann' }).waitFor()
  await ann.page.reload()
  await ann.page.getByRole('button', { name: 'Messages' }).click()
  await ann.page.locator('li.read .row', { hasText: 'Lunch?' }).waitFor()
  t.strictSame([...ann.faults, ...bob.faults], [])
})
