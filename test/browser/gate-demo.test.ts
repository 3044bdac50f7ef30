/** The demo page of a running Gatepost: two phones, a backend, a network that can be cut, and nodes that drain. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Browser, FrameLocator, Locator, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { noBrowser as skip, openPage, startBrowser } from '../helpers/browser.js'
import { startDeployment, type Deployment } from '../helpers/deployment.js'
import { until } from '../helpers/until.js'

interface Phone {
  readonly section: Locator
  readonly screen: FrameLocator
  /** Titles of the rows of its inbox, newest first. */
  titles: () => Promise<string[]>
  has: (title: string) => Promise<void>
  write: (text: string) => Promise<void>
  fact: (name: string) => Promise<string>
  says: (text: string | RegExp) => Promise<void>
}

function phoneOf (page: Page, id: string): Phone {
  const section = page.locator(`#${id}`)
  const screen = page.frameLocator(`#${id} iframe`)
  return {
    section,
    screen,
    titles: async () => await screen.locator('.row .title').allTextContents(),
    has: async title => { await screen.locator('.row .title', { hasText: title }).first().waitFor() },
    write: async text => {
      await section.locator('[name=text]').fill(text)
      await section.getByRole('button', { name: 'Send', exact: true }).click()
    },
    fact: async name => await section.locator(`dt:text-is("${name}") + dd`).innerText(),
    says: async text => { await section.locator('.log li', { hasText: text }).first().waitFor() }
  }
}

interface Demo { page: Page, faults: string[], left: Phone, right: Phone, send: (kind: string) => Promise<void> }

async function openDemo (t: Test, browser: Browser, site: Deployment, [first, second]: readonly [string, string]): Promise<Demo> {
  const { page, faults } = await openPage(t, browser, site.gate, { width: 1300, height: 900, path: `/gate/demo?left=${first}&right=${second}` })
  const [left, right] = [phoneOf(page, 'phone-1'), phoneOf(page, 'phone-2')]
  for (const { section, screen } of [left, right]) {
    await section.and(page.locator('[data-state=live]')).waitFor()
    await screen.getByRole('dialog', { name: 'Messages' }).waitFor()
  }
  const send = async (kind: string): Promise<void> => {
    await page.locator(`[data-kind=${kind}]`).click()
    await page.locator('#outcome', { hasText: /^20/ }).waitFor()
  }
  return { page, faults, left, right, send }
}

t.test('demo', { skip }, async t => {
  const site = await startDeployment(t, { settings: { GATEPOST_DEMO: 'true' }, nodes: 2 })
  const browser = await startBrowser(t)
  t.equal((await fetch(site.gate)).url, `${site.gate}/gate/demo`, 'Gate leads to it')

  await t.test('demo - a phone without a network keeps what is written, and all comes once when it is back', async t => {
    const { page, faults, left: ann, right: bob, send } = await openDemo(t, browser, site, ['ann', 'bob'])
    const network = page.getByRole('switch', { name: "Network of bob's phone" })
    await page.getByRole('button', { name: 'To bob' }).click()
    await network.click()
    await bob.says('network cut: 1 socket closed')
    await until('the client is offline', async () => await bob.fact('Client') === 'offline')
    for (const text of ['first', 'second', 'third']) await bob.write(text)
    await until('they wait', async () => await bob.fact('Waits to be sent') === '3')
    await bob.section.getByText('3 messages wait for the network').waitFor()
    await send('order')
    await send('order')
    await ann.write('from ann')
    await ann.says('sends “from ann”')
    await ann.says(/stored as/)
    t.same([await ann.fact('Client'), await ann.titles(), await bob.titles()], ['live', [], []], 'this phone alone is cut off')

    await network.click()
    await bob.says('caught up: 3 entries')
    await until('what was missed, in order', async () => (await bob.titles()).length === 3)
    t.same(await bob.titles(), ['from ann', 'Order 1043 arrives today', 'Order 1042 arrives today'])
    await until('what was written, in order', async () => (await ann.titles()).length === 3)
    t.same(await ann.titles(), ['third', 'second', 'first'])
    await until('nothing waits', async () => await bob.fact('Waits to be sent') === '0')
    for (const phone of [ann, bob]) await until('each came once', async () => await phone.fact('Came live') === '3, none twice')
    t.same(faults, [])
  })

  await t.test('demo - a drained node hands its phone over while messages come, and is put back', async t => {
    const { page, faults, left: cat } = await openDemo(t, browser, site, ['cat', 'dan'])
    const from = await cat.fact('Node')
    const numbers = Array.from({ length: 10 }, (_, i) => `Number ${i}`)
    const post = async (title: string): Promise<void> => {
      const answer = await fetch(`${site.gate}/gate/messages`, { method: 'POST', headers: { authorization: `Bearer ${site.producerToken()}`, 'content-type': 'application/json' }, body: JSON.stringify({ to: { user: 'cat' }, title }) })
      t.equal(answer.status, 201)
    }
    const posting = (async () => {
      for (const title of numbers.slice(0, 5)) await post(title)
      await until('it has moved', async () => await cat.fact('Node') !== from)
      for (const title of numbers.slice(5)) await post(title)
    })()
    await page.getByRole('button', { name: /^Drain its node.*cat's phone$/ }).click()
    await cat.says('move to another node')
    await posting
    await cat.has('Number 9')
    t.same(await cat.titles(), numbers.toReversed(), 'without a gap, nothing twice')
    await until('each came once', async () => await cat.fact('Came live') === '10, none twice')

    const to = await cat.fact('Node')
    await until('the last one stays', async () => await page.getByRole('button', { name: `Drain node ${to}` }).isDisabled())
    await page.getByRole('button', { name: `Put back node ${from}` }).click()
    await page.getByRole('button', { name: `Drain node ${from}` }).waitFor()
    t.equal(await cat.fact('Client'), 'live')
    t.same(faults, [])
  })

  await t.test('demo - each button sends what it says, and the line of shell beside it does the same', async t => {
    const { page, faults, left: eve, right: fay, send } = await openDemo(t, browser, site, ['eve', 'fay'])
    await page.getByText('Whoever reaches this address can be any user').waitFor()

    await send('announcement')
    await send('group')
    for (const phone of [eve, fay]) {
      await phone.has('New opening hours')
      await phone.has('Club evening on Friday')
    }
    await send('order')
    const order = eve.screen.locator('li', { hasText: 'Order 1044 arrives today' })
    await order.getByRole('button', { name: 'Tomorrow' }).click()
    await eve.says('chose “tomorrow”')
    t.equal(await order.locator('.avatar img').count(), 1, "the sender's picture")
    t.same(await fay.titles(), ['Club evening on Friday', 'New opening hours'], 'to one user')

    await page.evaluate(() => { document.documentElement.dir = 'rtl' })
    t.equal(await page.locator('#curl').evaluate(node => getComputedStyle(node).direction), 'ltr', 'code is no text of the page\'s language')
    await page.evaluate(() => { document.documentElement.dir = 'ltr' })
    const shell = await page.locator('#curl').innerText()
    const { stdout } = await promisify(execFile)('sh', ['-c', shell])
    t.match(JSON.parse(stdout), { duplicate: false }, 'runs as it is')
    await until('sent again, by the shell', async () => (await eve.titles()).filter(title => title === 'Order 1044 arrives today').length === 2)

    await send('recall')
    await eve.screen.locator('li.recalled').waitFor()
    await eve.says('recalled')
    await page.locator('[data-kind=recall]').click()
    await page.locator('#outcome', { hasText: 'nothing to take back' }).waitFor()

    await page.getByRole('button', { name: 'To fay' }).click()
    await send('ephemeral')
    await fay.section.locator('.ephemeral', { hasText: 'Corner Shop: Your courier' }).waitFor()
    await fay.says('stored nowhere')
    t.notOk((await fay.titles()).some(title => title.includes('courier')))

    await eve.screen.locator('.row', { hasText: 'Order 1044' }).click()
    await eve.screen.getByText('/orders/1044').waitFor()
    await page.setViewportSize({ width: 380, height: 800 })
    t.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing runs out of the side')
    await fay.section.locator('[name=user]').fill('o\'zoë "🦉"')
    await page.keyboard.press('Enter')
    await fay.screen.getByText('Hello, o\'zoë "🦉"').waitFor({ state: 'attached' })
    await send('ephemeral')
    await fay.says('stored nowhere')
    t.match(await promisify(execFile)('sh', ['-c', await page.locator('#curl').innerText()]), { stdout: /"id"/ }, 'any name is quoted')
    t.same(faults, [])
  })
})
