/** `gatepost bench` against servers of its own, and against a Gate that runs. */
import t from 'tap'
import { runGatepost, startEmbedded, tempDir, type Settings } from '../helpers/deployment.js'

async function bench (t: Parameters<typeof tempDir>[0], args: readonly string[], settings: Settings = {}) {
  const gatepost = runGatepost(['bench', '--clients', '6', '--duration', '1s', '--json', ...args], { cwd: await tempDir(t), settings })
  gatepost.ready.catch(() => {}) // it never says so
  const code = await gatepost.exited
  return { code, result: gatepost.stdout() === '' ? undefined : JSON.parse(gatepost.stdout()), err: gatepost.stderr() }
}

const faultless = { failed: 0, lost: 0, duplicates: 0, orderFaults: 0, closedSockets: 0, clients: 6 }

t.test('bench - servers of its own: all that was sent arrives, and the CPU time is known', async t => {
  const { code, result, err } = await bench(t, ['--to', 'group', '--via', 'socket', '--rate', '50'])
  t.equal(code, 0, err)
  t.match(result, { ...faultless, to: 'group', via: 'socket' })
  t.ok(result.accepted >= 10 && result.deliveries === 6 * result.accepted, `${result.deliveries} deliveries of ${result.accepted} messages`)
  t.ok(result.serverCpuSeconds > 0 && result.latencyMs.p50 > 0)
  t.match(err, /all clients connected/, 'also where that took less than the time between two lines of progress')
})

t.test('bench - a Gate that runs, by its secret', async t => {
  const deployment = await startEmbedded(t)
  for (const args of [['--to', 'user', '--via', 'rest'], ['--to', 'all', '--via', 'batch', '--batch', '5']]) {
    const { code, result, err } = await bench(t, ['--gate', deployment.gate, '--rate', '50', ...args], { GATEPOST_SECRET: deployment.secret })
    t.equal(code, 0, err)
    t.match(result, { ...faultless, serverCpuSeconds: null })
    t.ok(result.accepted >= 10 && result.deliveries === result.expected, args.join(' '))
  }
  const wrong = await bench(t, ['--gate', deployment.gate], { GATEPOST_SECRET: 'a secret of another site, long enough' })
  t.equal(wrong.code, 1)
  t.match(wrong.err, /bench: Gate refused to assign a node: 401 .*GP_TOKEN_INVALID/)
})

t.test('bench - what is refused is reported, and is a failure where nothing was accepted', async t => {
  const deployment = await startEmbedded(t, { settings: { GATEPOST_RATE_USER: '1' } })
  const { code, result } = await bench(t, ['--gate', deployment.gate, '--rate', '100'], { GATEPOST_SECRET: deployment.secret })
  t.equal(code, 0, 'what was accepted arrived')
  t.match(result, { lost: 0, accepted: 6 })
  t.ok(result.refusals['429 GP_RATE_LIMIT'] > 0)
})
