/** What the documents show is what a running Gatepost says. `GATEPOST_TEST_RECORD_DOCS=1` writes the answers anew. */
import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { runGatepost, startEmbedded, tempDir } from '../helpers/deployment.js'
import { DocSession, readSteps, sampleFence, showSteps } from '../helpers/doc-session.js'
import { request } from '../helpers/raw-client.js'

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

t.test('documents - what README.md says that one sees', async t => {
  const text = await read('README.md')
  const dir = await tempDir(t)
  const up = runGatepost(['up', '--port', '0'], { cwd: dir })
  t.teardown(async () => { await up.end('SIGKILL') })
  const gate = await up.ready

  const directions = /```text\n([^]*?)```/.exec(text)?.[1] ?? ''
  t.match(directions, /demo inbox/)
  t.equal(up.stderr().trim(), directions.replaceAll('http://127.0.0.1:8080', gate).trim())
  t.equal((await request(gate, 'GET', '/gate/demo')).status, 200)

  const [, sub = '', scope = ''] = /gatepost token --sub (\w+) --scope (producer)/.exec(text) ?? []
  const printed = runGatepost(['token', '--sub', sub, '--scope', scope], { cwd: dir })
  t.equal(await printed.exited, 0)
  const body = JSON.parse(/-d '(.*)'/.exec(text)?.[1] ?? '') as object
  const answer = await request(gate, 'POST', '/gate/messages', { token: printed.stdout().trim(), body })
  t.equal(answer.status, 201)
  const shown = JSON.parse(/```json\n(.*)\n```/.exec(text)?.[1] ?? '') as object
  t.same(Object.keys(answer.body as object), Object.keys(shown))
  t.equal((answer.body as { id: string }).id.length, (shown as { id: string }).id.length)
})
