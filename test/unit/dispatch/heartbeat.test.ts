import t from 'tap'
import type { NodeId } from '../../../shared/contract/names.js'
import { createLog } from '../../../shared/platform/log.js'
import { createHeartbeatReader } from '../../../services/dispatch/heartbeat-reader.js'
import type { Signature } from '../../../services/dispatch/signer.js'
import { readHeartbeat, writeHeartbeat, type Heartbeat } from '../../../services/dispatch/heartbeat.js'
import { idleLoad } from '../../helpers/dispatch-nodes.js'

const good: Heartbeat = { id: 'node.1 📮', url: 'http://10.0.0.1:9101', weight: 1.5, version: '0.1.0', startedAt: 1_700_000_000_000, state: 'up', load: idleLoad, sent: 12, time: 34 }

void t.test('announcement - comes back as it was written, from a slice of a larger buffer too', async t => {
  t.same(readHeartbeat(writeHeartbeat(good)), { ...good, form: 1 })
  const written = writeHeartbeat(good)
  const larger = Buffer.concat([Buffer.from('xx'), written, Buffer.from('yy')])
  t.same(readHeartbeat(new Uint8Array(larger.buffer, larger.byteOffset + 2, written.byteLength)), { ...good, form: 1 })
})

void t.test('announcement - a newer version may say more', async t => {
  t.match(readHeartbeat(Buffer.from(JSON.stringify({ ...good, colour: 'red' }))), good)
})

void t.test('announcement - anything malformed is none, and throws nothing', async t => {
  const bad: Array<[string, unknown]> = [
    ['id', ''], ['id', 'a\u0000'], ['id', 'x'.repeat(129)], ['id', 5], ['id', '\ud800'],
    ['url', 5], ['url', 'x'.repeat(3000)], ['weight', 0], ['weight', -1], ['weight', 'one'], ['weight', null], ['weight', 1e300],
    ['version', null], ['startedAt', -1], ['startedAt', 1.5], ['startedAt', 2 ** 60], ['state', 'down'], ['state', 'suspect'], ['state', undefined],
    ['load', null], ['load', {}], ['load', { ...idleLoad, sockets: 'many' }], ['load', { ...idleLoad, rssBytes: null }], ['load', { ...idleLoad, store: 5 }],
    ['sent', -1], ['sent', 0.5], ['sent', '5'], ['time', -5], ['time', 2 ** 70], ['time', null]
  ]
  for (const [field, value] of bad) t.equal(readHeartbeat(Buffer.from(JSON.stringify({ ...good, [field]: value }))), undefined, `${field}: ${JSON.stringify(value)}`)
  for (const text of ['', '{', 'null', '[]', '5', '"x"', '\u0000', '{"__proto__":{}}']) t.equal(readHeartbeat(Buffer.from(text)), undefined, JSON.stringify(text))
  t.equal(readHeartbeat(Uint8Array.from([0xff, 0xfe, 0x80])), undefined)
})

/** A reader whose signatures and trust a test decides. */
function startReader (believes: boolean) {
  const signature: { is: Signature } = { is: 'signed' }
  const agos: number[] = []
  const lines: string[] = []
  const log = createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push((JSON.parse(line) as { event: string }).event) } } })
  const trust = { believesAnnouncement: () => believes, heardOfUnsigned: (ms: number) => { agos.push(ms) } }
  const read = createHeartbeatReader({ self: 'me' as NodeId, signer: { check: () => signature.is }, trust, log })
  return { read: (changes: object) => read('test.hb', Buffer.from(JSON.stringify({ ...good, ...changes }))), signature, agos, lines }
}

void t.test('heartbeat reader - gives what is believed, and hears of unsigned ones from what is signed only', async t => {
  const { read, signature, agos } = startReader(true)
  t.match(read({ unsignedAgoMs: 7 }), { id: good.id })
  signature.is = 'unsigned'
  t.match(read({ unsignedAgoMs: 8 }), { id: good.id })
  t.same(agos, [7])
  const stranger = startReader(false)
  t.equal(stranger.read({ unsignedAgoMs: 9 }), undefined)
  t.same(stranger.agos, [])
})

void t.test('heartbeat reader - another process under this node\'s id is warned of once for each of its starts', async t => {
  const { read, lines } = startReader(true)
  t.equal(read({ id: 'me', startedAt: 1 }), undefined)
  t.equal(read({ id: 'me', startedAt: 1 }), undefined)
  t.equal(read({ id: 'me', startedAt: 2 }), undefined)
  t.same(lines, ['duplicate-node-id', 'duplicate-node-id'])
})

void t.test('heartbeat reader - a newer form is passed over, and logged unless it is forged', async t => {
  const { read, signature, lines } = startReader(true)
  signature.is = 'forged'
  t.equal(read({ form: 99 }), undefined)
  t.same(lines, [])
  signature.is = 'signed'
  t.equal(read({ form: 99 }), undefined)
  t.equal(lines.length, 1)
  t.equal(read({ sent: -1 }), undefined, 'malformed')
})
