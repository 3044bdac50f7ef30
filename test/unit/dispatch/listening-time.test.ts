import t from 'tap'
import { ListeningTime } from '../../../services/dispatch/listening-time.js'

function setup () {
  const world = { nowMs: 0, works: true, asked: [] as number[] }
  const linkMonitor = { step: (elapsedMs: number) => { world.asked.push(elapsedMs); return world.works } }
  const listening = new ListeningTime({ linkMonitor, heartbeatMs: 1000, now: () => world.nowMs })
  return { world, listening, pass: (ms: number) => { world.nowMs += ms; return listening.step() } }
}

void t.test('listening time - advances while the link is proven', async t => {
  const { listening, pass } = setup()
  t.same(pass(250), { nowMs: 250, elapsedMs: 250, isLinkProven: true })
  pass(250)
  t.equal(listening.totalMs, 500)
  t.equal(listening.provenMs, 500)
})

void t.test('listening time - a pause of this process counts as half a heartbeat', async t => {
  const { world, listening, pass } = setup()
  pass(60_000)
  t.equal(listening.totalMs, 500)
  t.same(world.asked, [500])
})

void t.test('listening time - stands still while the link is in doubt; what was proven begins anew', async t => {
  const { world, listening, pass } = setup()
  pass(250)
  world.works = false
  pass(250)
  t.equal(listening.isLinkProven, false)
  t.equal(listening.totalMs, 250)
  t.equal(listening.provenMs, 0)
  world.works = true
  pass(100)
  t.equal(listening.totalMs, 350)
  t.equal(listening.provenMs, 100)
  listening.linkChanged()
  t.equal(listening.provenMs, 0)
  t.equal(listening.totalMs, 350)
})
