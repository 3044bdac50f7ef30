// `npm run screenshots`: makes the README's pictures in docs/pictures from a running Gatepost, by Chromium (GATEPOST_TEST_CHROMIUM, or
// /usr/bin/chromium). Look at each before it is committed.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { shrinkPng } from './png.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pictures = join(root, 'docs', 'pictures')
const bin = join(root, 'bin', 'gatepost.js')
const dir = mkdtempSync(join(tmpdir(), 'gatepost-screenshots-'))
const environment = { ...process.env, GATEPOST_DATA_DIR: join(dir, 'data') }

async function startGatepost () {
  const child = spawn(process.execPath, [bin, 'up', '--port', '0', '--log-level', 'info'], { cwd: dir, env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('"event":"ready"')) continue
    child.stdout.resume()
    return { child, gate: JSON.parse(line).url }
  }
  throw new Error('gatepost up ended before it was ready')
}

async function open (browser, url, { width, height, dark = false, scale = 1.5 }) {
  const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: scale, colorScheme: dark ? 'dark' : 'light', locale: 'en-GB', timezoneId: 'UTC', reducedMotion: 'reduce' })
  const page = await context.newPage()
  await page.goto(url)
  return page
}

async function keep (page, name) {
  const picture = shrinkPng(await page.screenshot({ animations: 'disabled', caret: 'hide' }))
  writeFileSync(join(pictures, `${name}.png`), picture)
  console.log(`docs/pictures/${name}.png ${Math.ceil(picture.length / 1024)} KiB`)
  await page.context().close()
}

/** Sends one of each kind, cuts a phone off, and lets it write. */
async function showDemo (browser, gate) {
  const page = await open(browser, `${gate}/gate/demo`, { width: 1360, height: 1010, scale: 1 })
  const phone = id => ({ section: page.locator(`#${id}`), screen: page.frameLocator(`#${id} iframe`) })
  const [ann, bob] = [phone('phone-1'), phone('phone-2')]
  const has = async ({ screen }, title) => { await screen.locator('.row', { hasText: title }).first().waitFor() }
  const write = async ({ section }, text) => {
    await section.locator('[name=text]').fill(text)
    await section.getByRole('button', { name: 'Send', exact: true }).click()
  }
  for (const { section } of [ann, bob]) await section.and(page.locator('[data-state=live]')).waitFor()
  for (const [kind, title] of [['announcement', 'New opening hours'], ['group', 'Club evening']]) {
    await page.locator(`[data-kind=${kind}]`).click()
    for (const one of [ann, bob]) await has(one, title)
  }
  await write(bob, 'Shall we go together on Friday?')
  await has(ann, 'Shall we go')
  await page.locator('[data-kind=order]').click()
  await has(ann, 'Order 1044')
  await bob.section.getByRole('switch').click()
  await bob.section.locator('dd', { hasText: 'offline' }).waitFor()
  for (const text of ['The train is in a tunnel.', 'This goes out later, once.']) await write(bob, text)
  await bob.section.getByText('2 messages wait').waitFor()
  await page.locator('h1').hover()
  await keep(page, 'demo')
}

async function showInbox (browser, gate, { dark }) {
  const page = await open(browser, `${gate}/gate/demo/phone?user=ann`, { width: 720, height: 620, dark })
  // Opened by a click, so that the row that has the focus shows no ring.
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('button', { name: /^Messages/ }).click()
  await page.locator('.row').first().waitFor()
  await page.mouse.move(10, 600)
  await keep(page, `inbox-${dark ? 'dark' : 'light'}`)
}

async function showAdmin (browser, gate) {
  const token = execFileSync(process.execPath, [bin, 'token', '--sub', 'me', '--scope', 'admin'], { cwd: dir, env: environment, encoding: 'utf8' }).trim()
  const page = await open(browser, `${gate}/gate/admin`, { width: 1360, height: 860, scale: 1 })
  await page.locator('input').first().fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: /Drain/ }).first().waitFor()
  for (const drawn of [page.locator('.chart .now', { hasText: /\d/ }), page.locator('.shares li')]) await drawn.first().waitFor()
  await keep(page, 'admin')
}

const { child, gate } = await startGatepost()
const browser = await chromium.launch({
  executablePath: process.env.GATEPOST_TEST_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
})
try {
  await showDemo(browser, gate)
  for (const dark of [false, true]) await showInbox(browser, gate, { dark })
  await showAdmin(browser, gate)
} finally {
  await browser.close()
  child.kill('SIGTERM')
  await once(child, 'exit')
  rmSync(dir, { recursive: true, force: true })
}
