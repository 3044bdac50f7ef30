/**
 * docs/tutorial.md, followed word by word: its files are written, its commands run, what it says that one sees is compared. Ports are others,
 * so that nothing of this machine is in the way. A block of commands that does not end stays running; the browser is where the reader looks.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import t from 'tap'
import { noBrowser, openPage, startBrowser, type Opened } from '../helpers/browser.js'
import { findProgram } from '../helpers/compose-file.js'
import { runGatepost, tempDir, type GatepostProcess } from '../helpers/deployment.js'
import { request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import { freePort } from '../helpers/free-port.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const missing = await findProgram('openssl', 'version') === undefined && 'needs openssl'

interface Block { readonly kind: string, readonly file: string | undefined, readonly text: string }

/** The fenced blocks below each numbered heading. */
function readChapters (page: string): Array<{ title: string, blocks: Block[] }> {
  return page.split(/^## \d+\. /m).slice(1).map(chapter => ({
    title: chapter.slice(0, chapter.indexOf('\n')),
    blocks: [...chapter.matchAll(/^```(\w+)(?: ([\w.]+))?\n([^]*?)^```$/gm)].map(([, kind = '', file, text = '']) => ({ kind, file, text }))
  }))
}

t.test('tutorial - an inbox on a site, step by step', { skip: missing }, async t => {
  const page = await readFile(join(root, 'docs/tutorial.md'), 'utf8')
  const chapters = readChapters(page)
  t.strictSame(chapters.map(({ title }) => title), ['Start Gatepost', 'Say who is logged in', 'Put the bell on the page', 'Send a message', 'Pull the plug', 'Make it yours'])
  const site = await tempDir(t)
  const [gatePort, sitePort] = await Promise.all([freePort(), freePort()])
  const gate = `http://127.0.0.1:${gatePort}`
  const here = (text: string): string => text.replaceAll('http://127.0.0.1:8080', gate).replaceAll('listen(3000', `listen(${sitePort}`)
  // What starts npm by itself would hand its own settings to the npm of the tutorial.
  const env = { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|TAP|GATEPOST_|NODE_OPTIONS)/.test(name))), npm_config_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false' }

  let gatepost: GatepostProcess | undefined
  let server: ChildProcess | undefined
  t.teardown(async () => {
    if (gatepost?.isAlive() === true) await gatepost.end('SIGKILL')
    if (server?.exitCode === null && server.kill()) await once(server, 'close')
  })

  /** What the command prints, or what it has printed once it serves. */
  async function follow (command: string): Promise<string> {
    if (command === 'mkdir site && cd site') return ''
    if (command === 'node server.mjs') {
      server = spawn(process.execPath, ['server.mjs'], { cwd: site, stdio: 'inherit' })
      await until('the site answers', async () => await fetch(`http://127.0.0.1:${sitePort}/`).then(() => true, () => false))
      return ''
    }
    if (command.startsWith('npx gatepost up')) {
      if (gatepost?.isAlive() === true) t.equal(await gatepost.end('SIGINT'), 0, 'Ctrl-C ends it in good order')
      gatepost = runGatepost(command.split(' ').slice(2), { cwd: site, settings: { GATEPOST_PORT: String(gatePort) } })
      await gatepost.ready
      return gatepost.stderr()
    }
    const { stdout } = await run('sh', ['-c', command.replace('../gatepost', () => root)], { cwd: site, env })
    return stdout
  }

  async function followChapter (number: number): Promise<void> {
    let shown = ''
    for (const { kind, file, text } of chapters[number - 1]?.blocks ?? []) {
      if (file !== undefined) await writeFile(join(site, file), here(text))
      else if (kind === 'sh') for (const command of text.trim().split('\n')) shown = await follow(command)
      else if (kind === 'text') t.equal(shown.trim(), here(text).trim(), `chapter ${number}: what one sees`)
      else t.fail(`chapter ${number}: a block that nobody follows: ${kind}`)
    }
  }

  const unreadOn = async (page: Page): Promise<number | undefined> => await page.evaluate(() => (document.querySelector('gatepost-inbox') as unknown as { inbox?: { unread?: { unread: number } } }).inbox?.unread?.unread)
  const isLive = async (page: Page): Promise<boolean> => await page.evaluate(() => (document.querySelector('gatepost-inbox') as unknown as { inbox?: { state: string } }).inbox?.state === 'live')
  const login = /http:\/\/127\.0\.0\.1:3000(\/login\/ann)/.exec(page)?.[1] ?? ''
  const browser = noBrowser === false ? await startBrowser(t) : undefined
  let ann: Opened | undefined

  await followChapter(1)
  t.equal((await request(gate, 'GET', '/gate/demo')).status, 404, "a site's own key turns the demo off")
  await followChapter(2)
  await followChapter(3)
  t.equal((await fetch(`http://127.0.0.1:${sitePort}/token`)).status, 401)
  const token = await (await fetch(`http://127.0.0.1:${sitePort}/token`, { headers: { cookie: 'user=ann' } })).text()
  t.equal(((await request(gate, 'GET', '/gate/assign', { token })).body as { user: string }).user, 'ann', "Gatepost takes the site's token")
  if (browser !== undefined) {
    ann = await openPage(t, browser, `http://127.0.0.1:${sitePort}`, { path: login })
    const { page } = ann
    await until("Ann's inbox is live", async () => await isLive(page))
  }

  await followChapter(4)
  if (ann !== undefined) {
    const { page } = ann
    await until('the bell shows 1', async () => await unreadOn(page) === 1)
    t.match(await page.locator('gatepost-inbox').getByRole('button').first().innerText(), '1')
    await until('so does the tab', async () => await page.title() === '(1) My site')
    await page.locator('gatepost-inbox').getByRole('button').first().click()
    await page.locator('gatepost-inbox .row, gatepost-inbox [part~=row]').filter({ hasText: 'Order 17 is on its way' }).first().click()
    await page.getByText('It arrives tomorrow.').filter({ visible: true }).first().waitFor()
    await until('it is read', async () => await unreadOn(page) === 0 && await page.title() === 'My site')
  }

  await followChapter(5)
  if (ann !== undefined) {
    const { page } = ann
    await until('it has connected again, and has what came', async () => await isLive(page) && await unreadOn(page) === 1, 60_000)
    t.equal(await page.title(), '(1) My site')
    t.strictSame(ann.faults.filter(fault => !/ERR_CONNECTION|WebSocket|50[234]/.test(fault)), [], 'no fault but that Gatepost was away')
  }
  const assigned = (await request(gate, 'GET', '/gate/assign', { token })).body as { node: { url: string }, ticket: string }
  const { messages } = (await request(assigned.node.url, 'GET', '/messages', { token: assigned.ticket })).body as { messages: Array<{ title: string, read: boolean }> }
  t.strictSame(messages.map(({ title }) => title), ['Order 18 is on its way', 'Order 17 is on its way'], 'each once')
  await followChapter(6)
})
