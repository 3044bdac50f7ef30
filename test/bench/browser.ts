/** Chromium, and a site whose page holds the inbox element of this tree or of a former revision. */
import { execFileSync } from 'node:child_process'
import { existsSync, symlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import type { Resources } from './resources.js'

// Of the sources as of what is compiled beside dist/.
const root = fileURLToPath(new URL(import.meta.url.includes('/dist/') ? '../../../' : '../../', import.meta.url))
const chromiumPath = process.env['GATEPOST_TEST_CHROMIUM'] ?? '/usr/bin/chromium'
const former = '0ed607c'

export async function browserMissing (): Promise<string | undefined> {
  if (!existsSync(chromiumPath)) return `no Chromium at ${chromiumPath}`
  try { execFileSync('git', ['cat-file', '-e', `${former}^{commit}`], { cwd: root, stdio: 'ignore' }) } catch { return `git does not know ${former} here` }
  return undefined
}

export async function openBrowser (resources: Resources): Promise<Browser> {
  return resources.add(await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] }))
}

/** The element at 0ed607c, bundled as it was then; returns its folder. */
export async function formerElement (resources: Resources): Promise<string> {
  const home = await resources.tempDir()
  execFileSync('sh', ['-c', `git archive ${former} clients shared | tar -x -C "$0"`, home], { cwd: root })
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'))
  await build({ absWorkingDir: home, entryPoints: ['clients/gatepost-inbox.ts'], outdir: join(home, 'bundle'), bundle: true, format: 'esm', platform: 'browser', target: ['es2022'], minify: true, logLevel: 'error' })
  return join(home, 'bundle')
}

export const presentElement = join(root, 'clients', 'dist', 'bundle')

/** The address of a page that loads the element from this folder. */
export async function startPages (resources: Resources, folder: string): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url?.endsWith('.js') === true) {
      readFile(join(folder, basename(request.url))).then(text => response.writeHead(200, { 'content-type': 'text/javascript' }).end(text), () => response.writeHead(404).end())
    } else {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      response.end('<!doctype html><html lang="en"><title>Site</title><link rel="icon" href="data:,"><script type="module" src="/gatepost-inbox.js"></script><gatepost-inbox></gatepost-inbox>')
    }
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  resources.add({ close () { server.closeAllConnections(); server.close() } })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export interface InboxPage {
  readonly page: Page
  /** Requests for lists. */
  readonly lists: () => number
  /** µs of CPU of the page's main thread. */
  readonly cpu: () => Promise<number>
  /** Resolves when so many messages are unread, and the frames that show it are drawn. */
  readonly unread: (count: number) => Promise<void>
  /** In ms, since the last time it was asked; 0 where none was longer than 50. */
  readonly longestTask: () => Promise<number>
}

/** A page of the user, connected; a page of a context of its own where none is given. */
export async function openInbox (browser: Browser, url: string, { gate, token, context }: { gate: string, token: string, context?: BrowserContext }): Promise<InboxPage> {
  const page = await (context ?? await browser.newContext()).newPage()
  page.setDefaultTimeout(600_000)
  let lists = 0
  page.on('request', request => { if (/\/messages\?/.test(request.url())) lists += 1 })
  await page.goto(url)
  // Texts, for what compiles this names functions by a helper that no page has.
  await page.evaluate(`{
    globalThis.tasks = []
    new PerformanceObserver(list => { for (const { duration } of list.getEntries()) tasks.push(duration) }).observe({ type: 'longtask' })
    Object.assign(document.querySelector('gatepost-inbox'), ${JSON.stringify({ gate, token })})
  }`)
  await page.waitForFunction("document.querySelector('gatepost-inbox')?.inbox?.state === 'live'")
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  return {
    page,
    lists: () => lists,
    async cpu () {
      const { metrics } = await cdp.send('Performance.getMetrics')
      return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN) * 1e6
    },
    async unread (count) {
      await page.waitForFunction(`document.querySelector('gatepost-inbox').inbox.unread.unread === ${count}`, undefined, { polling: 200 })
      await page.evaluate('new Promise(resolve => { requestAnimationFrame(() => requestAnimationFrame(resolve)) })')
    },
    longestTask: async () => await page.evaluate<number>('Math.max(0, ...tasks.splice(0))')
  }
}
