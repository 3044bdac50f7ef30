/** The examples of docs/clients.md, run as they stand there. */
import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startEmbedded } from '../helpers/deployment.js'
import { probeInbox } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'

const text = await readFile(fileURLToPath(new URL('../../docs/clients.md', import.meta.url)), 'utf8')
const examples = new Map([...text.matchAll(/^```js (\w+)\n(.*?)^```$/gms)].map(([, name = '', code = '']) => [name, code]))

/** Runs an example in a folder of the project, where `@gatepost/client` is what clients/package.json says it is. */
async function start (t: Test, name: string, env: Record<string, string>): Promise<{ output: () => string, ended: Promise<number | null> }> {
  const file = join(t.testdir({}), `${name}.mjs`)
  await writeFile(file, examples.get(name) ?? 'throw new Error("no such example")')
  const child = spawn(process.execPath, [file], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const ended = new Promise<number | null>(resolve => { child.once('close', resolve) })
  t.teardown(() => { child.kill() })
  return { output: () => output, ended }
}

t.test('documents - the examples of the clients do what they say', async t => {
  const deployment = await startEmbedded(t)
  const env = { GATE: deployment.gate, PRODUCER_TOKEN: deployment.producerToken(), USER_TOKEN: deployment.userToken('ann') }
  const { inbox: bob, entries } = probeInbox(t, { gate: deployment.gate, token: deployment.userToken('bob') })
  await bob.whenLive()

  await t.test('documents - inbox', async t => {
    const example = await start(t, 'inbox', env)
    await until('live', () => example.output().includes('live'))
    await bob.send({ to: { user: 'ann' }, title: 'Hello', body: 'x' })
    await until('answer', () => entries.some(entry => entry.type === 'message' && entry.body === 'Hello to you'))
    await until('count', () => example.output().includes('unread 1'))
    await bob.send({ to: { user: 'ann' }, title: 'Bye', body: 'x' })
    t.equal(await example.ended, 0, 'nothing keeps the process alive')
    t.match(example.output(), /got Hello[\s\S]*got Bye[\s\S]*closed/)
  })

  await t.test('documents - producer', async t => {
    for (const stored of ['stored false', 'stored true']) {
      const example = await start(t, 'producer', env)
      t.equal(await example.ended, 0)
      t.equal(example.output().trim(), stored)
    }
  })
})
