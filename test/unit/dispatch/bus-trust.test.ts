import t from 'tap'
import { createBusTrust, type BusTrust, type Unsigned } from '../../../services/dispatch/bus-trust.js'
import { createLog } from '../../../shared/platform/log.js'

const hourMs = 3_600_000

function make (unsigned: Unsigned): { trust: BusTrust, lines: string[], pass: (ms: number) => void } {
  let nowMs = 5_000
  const lines: string[] = []
  const log = createLog({ level: 'warn', isPretty: false, destination: { write: line => { lines.push(line) } } })
  return { trust: createBusTrust({ unsigned, log, now: () => nowMs }), lines, pass: ms => { nowMs += ms } }
}

void t.test('bus trust - a signature is believed, a forged one never', async t => {
  for (const unsigned of ['accept', 'refuse'] as const) {
    const { trust } = make(unsigned)
    t.ok(trust.believesAnnouncement('signed', 'a'))
    t.ok(trust.believesRequest('signed', 'gate'))
    t.notOk(trust.believesAnnouncement('forged', 'a'))
    t.notOk(trust.believesRequest('forged', 'gate'))
  }
})

void t.test('bus trust - refuse: nothing unsigned is believed', async t => {
  const { trust } = make('refuse')
  t.notOk(trust.believesAnnouncement('unsigned', 'a'))
  trust.heardOfUnsigned(0)
  t.notOk(trust.believesRequest('unsigned', 'gate'))
})

void t.test('bus trust - accept: unsigned requests are believed for an hour after a node that does not sign was heard of', async t => {
  const { trust, pass } = make('accept')
  t.notOk(trust.believesRequest('unsigned', 'gate'), 'no upgrade is under way')
  t.equal(trust.unsignedAgoMs(), undefined)
  t.ok(trust.believesAnnouncement('unsigned', 'old'))
  t.ok(trust.believesRequest('unsigned', 'gate'))
  pass(hourMs - 1)
  t.equal(trust.unsignedAgoMs(), hourMs - 1)
  t.ok(trust.believesRequest('unsigned', 'gate'))
  pass(1)
  t.notOk(trust.believesRequest('unsigned', 'gate'))
  t.equal(trust.unsignedAgoMs(), undefined)
})

void t.test('bus trust - what others heard counts, for what is left of the hour', async t => {
  const { trust, pass } = make('accept')
  trust.heardOfUnsigned(hourMs - 1_000)
  t.ok(trust.believesRequest('unsigned', 'gate'))
  trust.heardOfUnsigned(hourMs - 500)
  trust.heardOfUnsigned(hourMs * 2)
  pass(999)
  t.ok(trust.believesRequest('unsigned', 'gate'), 'the latest counts')
  pass(1)
  t.notOk(trust.believesRequest('unsigned', 'gate'))
})

void t.test('bus trust - a warning for each process, once a minute', async t => {
  const { trust, lines, pass } = make('accept')
  for (let i = 0; i < 100; i++) trust.believesRequest('forged', 'gate')
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0]!), { event: 'bus-forged', from: 'gate', msg: /GATEPOST_SECRET/ })
  trust.believesAnnouncement('forged', 'x')
  t.equal(lines.length, 2)
  pass(60_000)
  trust.believesRequest('forged', 'gate')
  t.equal(lines.length, 3)
  for (let i = 0; i < 5_000; i++) trust.believesAnnouncement('forged', `made up ${i}`)
  t.ok(lines.length > 4_000, 'made-up names are warned of, and not kept for ever')
})
