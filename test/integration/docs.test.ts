/** What the documents show is what a running Gatepost says. `GATEPOST_TEST_RECORD_DOCS=1` writes the answers anew. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { noBrowser, openPage, startBrowser } from '../helpers/browser.js'
import { runGatepost, startEmbedded, tempDir } from '../helpers/deployment.js'
import { DocSession, readSteps, sampleFence, showSteps } from '../helpers/doc-session.js'
import { request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const read = async (path: string): Promise<string> => await readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

t.test('documents - the sample sessions of docs/protocol.md', async t => {
  const isRecording = process.env['GATEPOST_TEST_RECORD_DOCS'] === '1'
  const session = new DocSession(t, await startEmbedded(t, { settings: { GATEPOST_DRAIN: '2', GATEPOST_NODE_ID: 'site' } }), { isRecording })
  let text = await read('docs/protocol.md')
  const blocks = [...text.matchAll(sampleFence)].map(([, block = '']) => block)
  t.ok(blocks.length >= 10, 'there are samples')
  for (const block of blocks) {
    const steps = readSteps(block)
    for (const step of steps) {
      const asked = `${step.actor} ${step.direction} ${step.peer} ${step.text}`
      const difference = await session.run(step)
      if (difference !== undefined) {
        t.fail(`${asked.slice(0, 200)}: ${difference}`)
        return // what follows builds on it
      }
    }
    if (isRecording) text = text.replace(block, () => showSteps(steps))
  }
  t.same(session.untold, [], 'no socket was sent more than the document tells')
  if (isRecording) await writeFile(new URL('../../docs/protocol.md', import.meta.url), text)
})

/** A page of a site around the HTML that a document shows; its address. */
async function startSite (t: Test, html: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(`<!doctype html><title>Site</title><link rel="icon" href="data:,">${html}`)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('documents - what README.md says that one sees', async t => {
  const text = await read('README.md')
  const block = (kind: string): string => new RegExp(`^\`\`\`${kind}\\n([^]*?)^\`\`\`$`, 'm').exec(text)?.[1] ?? ''
  const dir = await tempDir(t)
  const up = runGatepost(['up', '--port', '0'], { cwd: dir })
  t.teardown(async () => { await up.end('SIGKILL') })
  const gate = await up.ready
  const here = (shown: string): string => shown.replaceAll('http://127.0.0.1:8080', gate)
  const token = async (...flags: string[]): Promise<string> => {
    const printed = runGatepost(['token', ...flags], { cwd: dir })
    t.equal(await printed.exited, 0)
    return printed.stdout().trim()
  }

  t.match(block('text'), /demo inbox/)
  t.equal(up.stderr().trim(), here(block('text')).trim())
  t.equal((await request(gate, 'GET', '/gate/demo')).status, 200)

  const [, sub = '', scope = ''] = /gatepost token --sub (\w+) --scope (producer)/.exec(text) ?? []
  const producer = await token('--sub', sub, '--scope', scope)
  const body = JSON.parse(/-d '(.*)'/.exec(text)?.[1] ?? '') as object
  const answer = await request(gate, 'POST', '/gate/messages', { token: producer, body })
  t.equal(answer.status, 201)
  const shown = JSON.parse(block('json')) as object
  t.same(Object.keys(answer.body as object), Object.keys(shown))
  t.equal((answer.body as { id: string }).id.length, (shown as { id: string }).id.length)

  await t.test('documents - the lines of HTML and of the backend in README.md', { skip: noBrowser }, async t => {
    const html = block('html')
    const backend = block('js')
    t.equal(html.trim().split('\n').length, 2)
    t.equal(backend.trim().split('\n').length, 3)
    const [, command = ''] = /`npx gatepost (token --sub bob)`/.exec(text) ?? []
    const url = await startSite(t, here(html).replace('TOKEN OF A USER', await token(...command.split(' ').slice(1))))
    const { page, faults } = await openPage(t, await startBrowser(t), url)
    const unread = async (): Promise<number | undefined> => await page.evaluate(() => (document.querySelector('gatepost-inbox') as unknown as { inbox?: { state: string, unread: { unread: number } } }).inbox?.unread.unread)
    await until('the bell shows what was sent before', async () => await unread() === 1)
    const file = join(dir, 'backend.mjs')
    await writeFile(file, here(backend))
    await promisify(execFile)(process.execPath, [file], { env: { PATH: process.env['PATH'], PRODUCER_TOKEN: producer } })
    await until('and what the backend sends', async () => await unread() === 2)
    t.strictSame(faults, [])
  })
})
