/**
 * `npm run test:bundlers`: packs `@gatepost/client`, installs it in a folder of its own as a site would, builds pages with each bundler
 * and opens them. Needs a package registry and Chromium, and takes minutes: not part of `npm test`.
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { openPage, startBrowser } from '../helpers/browser.js'
import { startWireDouble, userToken } from '../helpers/wire-double.js'

const execute = promisify(execFile)
const clients = fileURLToPath(new URL('../../clients/', import.meta.url))
const site = fileURLToPath(new URL('site/', import.meta.url))

const bundlers = ['vite', 'webpack', 'rollup', 'esbuild', 'parcel']
const pages = ['element', 'react', 'vue', 'inbox']
const packages = [
  'vite@8', 'webpack@5', 'rollup@4', '@rollup/plugin-node-resolve@16', '@rollup/plugin-commonjs', '@rollup/plugin-replace', 'esbuild@0.28', '@parcel/core@2', '@parcel/config-default@2',
  'react@19', 'react-dom@19', 'vue@3', 'preact', 'solid-js@1', '@types/react@19', 'typescript@6'
]

async function run (dir: string, command: string, args: string[]): Promise<string> {
  try { return (await execute(command, args, { cwd: dir, timeout: 540_000, maxBuffer: 1 << 26 })).stdout } catch (error) {
    const { stdout, stderr } = error as { stdout: string, stderr: string }
    throw new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`, { cause: error })
  }
}

async function serve (t: Test, dir: string): Promise<string> {
  const types: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    readFile(join(dir, pathname)).then(
      content => { response.writeHead(200, { 'content-type': types[extname(pathname)] ?? 'application/octet-stream' }).end(content) },
      () => { response.writeHead(404).end() }
    )
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.setTimeout(1_800_000)

t.test('bundlers', { timeout: 1_800_000 }, async t => {
  const dir = await mkdtemp(join(tmpdir(), 'gatepost-bundlers-'))
  t.teardown(async () => { await rm(dir, { recursive: true, force: true, maxRetries: 3 }) })
  await cp(site, dir, { recursive: true })
  const tarball = (await run(clients, 'npm', ['pack', '--pack-destination', dir, '--silent'])).trim().split('\n').at(-1) ?? ''

  await t.test('bundlers - the package alone: one dependency, nothing is run when it is installed, it loads without a browser', { timeout: 300_000 }, async t => {
    const alone = join(dir, 'alone')
    await cp(join(site, 'package.json'), join(alone, 'package.json'))
    const log = await run(alone, 'npm', ['install', '--no-audit', '--no-fund', '--foreground-scripts', join(dir, tarball)])
    t.notMatch(log, /> @gatepost/, 'no script')
    const installed = Object.keys((JSON.parse(await readFile(join(alone, 'node_modules/.package-lock.json'), 'utf8')) as { packages: object }).packages)
    t.ok(installed.includes('node_modules/socket.io-client'))
    t.strictSame(installed.filter(name => /react|vue/.test(name)), [], 'no framework that the site does not use')
    t.ok(installed.length < 15, `${installed.length} packages`)
    const load = "for (const name of ['', '/element']) console.log(Object.keys(await import('@gatepost/client' + name)).join(' '))"
    t.match(await run(alone, process.execPath, ['--input-type=module', '-e', load]), /createInbox createProducer[\s\S]*GatepostInbox/)
  })

  await run(dir, 'npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', join(dir, tarball), ...packages])

  await t.test('bundlers - types, for TypeScript as it is and for the JSX of each framework', { timeout: 300_000 }, async t => {
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--module', 'nodenext']
    await run(dir, 'npx', ['tsc', ...options, 'types.ts'])
    for (const framework of ['react', 'preact', 'solid', 'vue']) {
      await run(dir, 'npx', ['tsc', ...options, '--skipLibCheck', '--jsx', framework === 'solid' ? 'preserve' : 'react-jsx', ...framework === 'solid' ? ['--jsxImportSource', 'solid-js'] : [], `types-${framework}.tsx`])
    }
  })

  const browser = await startBrowser(t)
  const wire = await startWireDouble(t)
  wire.post({ to: { user: 'ann' }, title: 'Hello', body: 'x' })
  for (const bundler of bundlers) {
    for (const page of pages) {
      await t.test(`bundlers - ${bundler} builds a page with ${page}, and the bell is there`, { timeout: 300_000 }, async t => {
        const built = JSON.parse((await run(dir, process.execPath, ['build.mjs', bundler, page])).trim().split('\n').at(-1) ?? '') as { page: string }
        const query = new URLSearchParams({ gate: wire.gateUrl, token: userToken('ann') })
        const { page: opened, faults } = await openPage(t, browser, await serve(t, join(dir, 'out', bundler, page)), { path: `/${built.page}?${query}` })
        await opened.locator('.badge', { hasText: /^1$/ }).waitFor({ state: 'visible' })
        // Vue asks for its flags, which Parcel has no setting for.
        t.strictSame(faults.filter(fault => !fault.startsWith('Feature flags __VUE_')), [])
      })
    }
  }
})
