/** Everything at once: each device still gets each entry once, in order, and nothing that was sent is doubled. */
import t from 'tap'
import type { Entry, GatepostError } from '../../clients/index.js'
import { memoryStorage, probeInbox, shortTiming, type Probe } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'
import { startWireDouble, userToken } from '../helpers/wire-double.js'

const seed = Number(process.env['GATEPOST_TEST_SEED'] ?? 1)
const steps = Number(process.env['GATEPOST_TEST_STEPS'] ?? 400)

function seeded (start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

t.test('faults - every device gets every entry once, in order', async t => {
  const random = seeded(seed)
  const server = await startWireDouble(t, { nodes: 3, random })
  const users = ['ann', 'bob', 'cyd']
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  for (const user of users) server.join('team', user)

  // Two devices for each user; the second one is restarted now and then, with what it kept.
  const devices = users.flatMap(user => [0, 1].map(() => ({ user, storage: memoryStorage(), entries: [] as Entry[], probe: undefined as Probe | undefined })))
  const errors: string[] = []
  function start (device: typeof devices[number]): void {
    device.probe = probeInbox(t, {
      gate: server.gateUrl,
      token: () => userToken(device.user),
      storage: device.storage,
      timing: { ...shortTiming, requestTimeoutMs: 150, retryBaseMs: 10 },
      async onEntry (entry) {
        const chance = random()
        if (chance < 0.02) throw new Error('callback')
        if (chance < 0.2) await new Promise(resolve => setImmediate(resolve))
        device.entries.push(entry)
      }
    })
  }
  devices.forEach(start)
  await Promise.all(devices.map(async ({ probe }) => { await probe?.inbox.whenLive() }))
  const from = new Map(users.map(user => [user, new Map(server.streamsOf(user).map(stream => [stream, server.head(stream)]))]))

  const sends: Array<Promise<unknown>> = []
  const sentBodies: string[] = []
  Object.assign(server.faults, { duplicate: 0.1, drop: 0.1 })
  for (let step = 0; step < steps; step += 1) {
    const device = pick(devices)
    const chance = random()
    if (chance < 0.5) {
      const body = `s${step}`
      sentBodies.push(body)
      const probe = device.probe as Probe
      // The close of its device ends it for this run; the next one sends what is kept.
      sends.push(probe.inbox.send({ to: pick([{ user: pick(users) }, { group: 'team' }]), body }).catch((error: GatepostError) => { errors.push(error.code) }))
    } else if (chance < 0.7) server.post({ to: pick([{ user: pick(users) }, { all: true as const }, { group: 'team' }]), body: `p${step}` })
    else if (chance < 0.76) server.cut(device.user)
    else if (chance < 0.82) server.reassign(device.user, Math.floor(random() * 20))
    else if (chance < 0.86) server.behind(device.user)
    else if (chance < 0.90) server.faults.loseAcks += 1
    else if (chance < 0.93) server.faults.refuseSyncs.push('GP_OVERLOADED')
    else if (chance < 0.96) server.faults.refuseHandshakes.push(pick(['GP_DRAINING', 'GP_OVERLOADED', 'GP_TICKET_EXPIRED']))
    else if (chance < 0.98) {
      const node = pick(server.nodes)
      await (node.isUp() ? node.kill() : node.revive())
    } else if (devices.indexOf(device) % 2 === 1) {
      await device.probe?.inbox.close()
      start(device)
    }
    if (random() < 0.3) await new Promise(resolve => setTimeout(resolve, random() * 10))
  }
  for (const node of server.nodes) if (!node.isUp()) await node.revive()
  Object.assign(server.faults, { duplicate: 0, drop: 0, loseAcks: 0, refuseSyncs: [], refuseHandshakes: [] })
  await Promise.all(sends)
  await Promise.all(devices.map(async ({ probe }) => {
    await probe?.inbox.whenLive()
    await until('sent', () => probe?.inbox.queuedSends === 0)
  }))
  for (const user of users) server.post({ to: { user }, body: 'end' })
  server.post({ to: { all: true }, body: 'end' })
  server.post({ to: { group: 'team' }, body: 'end' })

  for (const [index, { user, entries }] of devices.entries()) {
    for (const stream of server.streamsOf(user)) {
      const expected = server.entriesOf(stream).map(({ seq }) => seq).filter(seq => seq > (from.get(user)?.get(stream) ?? 0))
      const got = (): number[] => entries.filter(entry => entry.stream === stream).map(({ seq }) => seq)
      await until(`${stream} on device ${index}`, () => got().length >= expected.length, 15_000)
      t.strictSame(got(), expected, `${stream} on device ${index}`)
    }
  }
  const stored = ['u:ann', 'u:bob', 'u:cyd', 'g:team'].flatMap(stream => server.entriesOf(stream))
    .filter(({ content }) => (content['boxes'] as string[] | undefined)?.includes('inbox') === true && String(content['body']).startsWith('s'))
    .map(({ content }) => content['body'])
  t.strictSame(stored.sort(), sentBodies.sort(), 'each send is stored once')
  t.strictSame(errors.filter(code => code !== 'GP_CLOSED'), [])
})
