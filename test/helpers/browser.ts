/** Debian's Chromium by playwright-core, and a page of another origin that holds what a test puts there. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Test } from 'tap'

export const chromiumPath = process.env['GATEPOST_TEST_CHROMIUM'] ?? '/usr/bin/chromium'

/** For a test's `skip`: why it cannot run here, or false. */
export const noBrowser: string | false = existsSync(chromiumPath) ? false : `no Chromium at ${chromiumPath}`

/** What a step waits for at most: as long as no person would, for a machine that is slow and busy with other tests. */
const timeoutMs = 120_000

export interface Opened {
  page: Page
  /** What the page wrote as errors or warnings, was refused by its policy, or asked of other hosts. */
  faults: string[]
}

export async function startBrowser (t: Test): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    timeout: timeoutMs,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
  })
  t.teardown(async () => { await browser.close() })
  return browser
}

export async function openPage (
  t: Test, browser: Browser, url: string, { width = 1000, height = 700, dark = false, path = '/' } = {}
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale: 'en-GB', timezoneId: 'UTC' })
  t.teardown(async () => { await context.close() })
  // What compiles the tests names the functions in what a page is given, by a function that no page has.
  await context.addInitScript('globalThis.__name = value => value')
  const page = await context.newPage()
  page.setDefaultTimeout(timeoutMs)
  const faults: string[] = []
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) faults.push(message.text()) })
  page.on('pageerror', error => { faults.push(String(error)) })
  page.on('request', request => {
    const { hostname, protocol } = new URL(request.url())
    if (hostname !== '127.0.0.1' && protocol !== 'data:') faults.push(`asked ${request.url()}`)
  })
  await page.goto(`${url}${path}`)
  return { page, faults }
}

/** The folder of the bundled component: it loads its parts from beside it. */
async function bundleElement (t: Test): Promise<string> {
  // Not typed: what builds is plain JavaScript.
  const script: string = new URL('../../scripts/bundle-clients.js', import.meta.url).href
  const { bundleClients } = await import(script) as { bundleClients: (outDir: string) => Promise<string> }
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-site-'))
  t.teardown(async () => { await rm(dir, { recursive: true, force: true }) })
  return await bundleClients(dir)
}

/** A site with a strict policy; `body` is the page's HTML, `script` its module: the bundled component where none is given. */
export async function startSite (t: Test, body: string, script?: string | Buffer): Promise<string> {
  const folder = script === undefined ? await bundleElement(t) : undefined
  const policy = "default-src 'none'; script-src 'self'; style-src 'none'; img-src data:; connect-src http://127.0.0.1:* ws://127.0.0.1:*; require-trusted-types-for 'script'"
  const server = createServer((request, response) => {
    if (request.url?.endsWith('.js') === true) {
      const content = script === undefined ? readFile(join(folder ?? '', basename(request.url))) : Promise.resolve(script)
      content.then(text => response.writeHead(200, { 'content-type': 'text/javascript' }).end(text), () => response.writeHead(404).end())
      return
    }
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy })
    response.end(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Site</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><script type="module" src="/gatepost-inbox.js"></script></head><body>${body}</body></html>`)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
