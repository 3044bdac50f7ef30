/**
 * What any bus adapter must pass. A harness gives two or more buses on one link and can break the link of one.
 */
import type { Test } from 'tap'
import type { Bus } from '../../../services/dispatch/buses/bus.js'
import { allowed, until } from '../../helpers/until.js'

export interface BusHarness {
  /** A participant, connected. */
  connect: (name: string) => Promise<Bus>
  disconnect: (name: string) => Promise<void>
  reconnect: (name: string) => Promise<void>
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (payload: Uint8Array): string => Buffer.from(payload).toString()

/** Subscriptions of one participant are known to the others' link only after a round trip of its own. */
async function ready (...buses: Bus[]): Promise<void> {
  for (const bus of buses) await bus.roundTrip()
}

export function busContract (t: Test, name: string, createHarness: (t: Test) => Promise<BusHarness>): void {
  void t.test(`${name} bus - delivers to every other subscriber in the order of publishing, not to the publisher`, async t => {
    const { connect } = await createHarness(t)
    const [a, b, c] = [await connect('a'), await connect('b'), await connect('c')]
    const got: Record<string, string[]> = { a: [], b: [], c: [] }
    for (const [who, bus] of Object.entries({ a, b, c })) bus.subscribe('x.>', (subject, payload) => { got[who]?.push(`${subject} ${text(payload)}`) })
    await ready(a, b, c)
    const sent: string[] = []
    for (let i = 0; i < 500; i++) {
      a.publish(`x.${i % 3}`, bytes(String(i)))
      sent.push(`x.${i % 3} ${i}`)
    }
    await until('all messages have come', () => got.b?.length === 500 && got.c?.length === 500)
    await ready(a)
    t.same(got.b, sent)
    t.same(got.c, sent)
    t.same(got.a, [])
  })

  void t.test(`${name} bus - delivers later, never inside publish`, async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    let count = 0
    b.subscribe('x', () => { count++ })
    await ready(b)
    a.publish('x', bytes('1'))
    t.equal(count, 0)
    await until('all messages have come', () => count === 1)
  })

  void t.test(`${name} bus - thousands of literal subjects: each brings its own from a round trip on, also once a broken link is back`, async t => {
    const { connect, disconnect, reconnect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    const got: string[] = []
    const subjects = Array.from({ length: 3_000 }, (_, i) => `arc.u${i}`)
    const ends = subjects.map(subject => b.subscribe(subject, at => { got.push(at) }))
    await ready(b)
    const publishAll = async (): Promise<void> => {
      for (const subject of subjects) a.publish(subject, bytes(''))
      a.publish('arc.u3000', bytes(''))
      await ready(a, b)
    }
    await publishAll()
    t.same(got.splice(0), subjects)
    await disconnect('b')
    await until('it is cut off', () => !b.isConnected)
    await reconnect('b')
    await until('it is back', () => a.isConnected && b.isConnected)
    await publishAll()
    t.same(got.splice(0), subjects)
    for (const end of ends.slice(1)) end()
    await ready(b)
    await publishAll()
    t.same(got, subjects.slice(0, 1))
  })

  void t.test(`${name} bus - matches subjects by tokens`, async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    const got = new Map<string, string[]>()
    for (const pattern of ['x.a', 'x.*', 'x.>', 'x.*.c', '*.b.>', '>']) {
      got.set(pattern, [])
      b.subscribe(pattern, subject => { got.get(pattern)?.push(subject) })
    }
    await ready(b)
    const subjects = ['x', 'x.a', 'x.b', 'x.b.c', 'x.b.c.d', 'y.b.c', 'xx.a']
    for (const subject of subjects) a.publish(subject, bytes(''))
    await until('all messages have come', () => got.get('>')?.includes('xx.a') === true)
    t.same(Object.fromEntries(got), {
      'x.a': ['x.a'],
      'x.*': ['x.a', 'x.b'],
      'x.>': ['x.a', 'x.b', 'x.b.c', 'x.b.c.d'],
      'x.*.c': ['x.b.c'],
      '*.b.>': ['x.b.c', 'x.b.c.d', 'y.b.c'],
      '>': subjects
    })
  })

  void t.test(`${name} bus - carries any bytes, the empty payload and the largest one, and refuses a larger one`, async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    const got: Uint8Array[] = []
    b.subscribe('x', (_subject, payload) => { got.push(Buffer.from(payload)) })
    await ready(b)
    const all = Uint8Array.from({ length: 256 }, (_, index) => index)
    const largest = new Uint8Array(a.maxPayloadBytes).fill(7)
    for (const payload of [all, new Uint8Array(0), largest]) a.publish('x', payload)
    await until('all messages have come', () => got.length === 3)
    t.same(got.map(payload => payload.byteLength), [256, 0, largest.byteLength])
    t.ok(Buffer.from(all).equals(got[0] ?? Buffer.alloc(0)))
    t.throws(() => { a.publish('x', new Uint8Array(a.maxPayloadBytes + 1)) }, { code: 'GP_TOO_LARGE', message: new RegExp(String(a.maxPayloadBytes)) })
    await t.rejects(a.request('x', new Uint8Array(a.maxPayloadBytes + 1), 1000), { code: 'GP_TOO_LARGE' })
  })

  void t.test(`${name} bus - a subscription ends where it was made, the others go on`, async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    const first: string[] = []
    const second: string[] = []
    const end = b.subscribe('x', (_subject, payload) => { first.push(text(payload)) })
    b.subscribe('x', (_subject, payload) => { second.push(text(payload)) })
    await ready(b)
    a.publish('x', bytes('1'))
    await until('all messages have come', () => first.length === 1 && second.length === 1)
    end()
    await ready(b)
    a.publish('x', bytes('2'))
    await until('all messages have come', () => second.length === 2)
    t.same(first, ['1'])
  })

  void t.test(`${name} bus - a request gets the first answer; it says at once when nobody listens, and in time when nobody answers`, async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    b.subscribe('echo', (_subject, payload, reply) => { reply?.(bytes(`${text(payload)}!`)) })
    b.subscribe('silent', () => undefined)
    a.subscribe('own', (_subject, _payload, reply) => { reply?.(bytes('from myself')) })
    await ready(a, b)
    t.equal(text(await a.request('echo', bytes('hello'), 2000)), 'hello!')
    const answers = await Promise.all(Array.from({ length: 100 }, async (_, index) => text(await a.request('echo', bytes(String(index)), 2000))))
    t.same(answers, Array.from({ length: 100 }, (_, index) => `${index}!`))
    const begunAtMs = Date.now()
    await t.rejects(a.request('nobody', bytes(''), 20_000), { code: 'GP_DISPATCH_UNAVAILABLE' })
    await t.rejects(a.request('own', bytes(''), 20_000), { code: 'GP_DISPATCH_UNAVAILABLE' }, 'the own subscription is nobody')
    t.ok(Date.now() - begunAtMs < allowed(5_000), 'without waiting for the time to run out')
    await t.rejects(a.request('silent', bytes(''), 100), { code: 'GP_OUTCOME_UNKNOWN' })
  })

  void t.test(`${name} bus - publish hands no reply to its receivers`, async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    let reply: unknown = 'not called'
    b.subscribe('x', (_subject, _payload, given) => { reply = given })
    await ready(b)
    a.publish('x', bytes(''))
    await until('all messages have come', () => reply !== 'not called')
    t.equal(reply, undefined)
  })

  void t.test(`${name} bus - what is published while the link is broken is lost without an error, then all works again`, async t => {
    const { connect, disconnect, reconnect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    const got: string[] = []
    const status: boolean[] = []
    b.subscribe('x', (_subject, payload) => { got.push(text(payload)) })
    b.subscribe('echo', (_subject, payload, reply) => { reply?.(payload) })
    a.onStatus(isConnected => { status.push(isConnected) })
    await ready(b)
    a.publish('x', bytes('before'))
    await until('all messages have come', () => got.length === 1)
    await disconnect('a')
    await until('the link is broken', () => !a.isConnected)
    a.publish('x', bytes('lost'))
    await t.rejects(a.request('echo', bytes(''), 20_000), { code: 'GP_DISPATCH_UNAVAILABLE' }, 'no link')
    await t.rejects(a.roundTrip())
    await reconnect('a')
    await until('the link is back', () => a.isConnected && b.isConnected)
    await ready(a, b)
    a.publish('x', bytes('after'))
    await until('the later message has come', () => got.includes('after'))
    t.same(got, ['before', 'after'])
    t.same(status, [false, true])
    t.equal(text(await a.request('echo', bytes('again'), 2000)), 'again')
  })

  void t.test(`${name} bus - a receiver with a broken link misses what was sent, and hears again afterwards`, async t => {
    const { connect, disconnect, reconnect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    const got: string[] = []
    b.subscribe('x', (_subject, payload) => { got.push(text(payload)) })
    await ready(b)
    await disconnect('b')
    await until('the link is broken', () => !b.isConnected)
    a.publish('x', bytes('lost'))
    await a.roundTrip().catch(() => undefined)
    await reconnect('b')
    await until('the link is back', () => a.isConnected && b.isConnected)
    await ready(a, b)
    a.publish('x', bytes('after'))
    await until('the later message has come', () => got.includes('after'))
    t.same(got, ['after'])
  })

  void t.test(`${name} bus - a waiting request ends when the link breaks`, async t => {
    const { connect, disconnect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    let asked = 0
    b.subscribe('silent', () => { asked++ })
    await ready(b)
    const request = t.rejects(a.request('silent', bytes(''), 60_000), { code: 'GP_OUTCOME_UNKNOWN' })
    await until('the request has arrived', () => asked === 1)
    await disconnect('a')
    await request
  })

  void t.test(`${name} bus - close sends what waits, ends everything and may be called again`, async t => {
    const { connect } = await createHarness(t)
    const [a, b] = [await connect('a'), await connect('b')]
    const got: string[] = []
    const status: boolean[] = []
    b.subscribe('x', (_subject, payload) => { got.push(text(payload)) })
    a.onStatus(isConnected => { status.push(isConnected) })
    await ready(b)
    for (let i = 0; i < 100; i++) a.publish('x', bytes(String(i)))
    await Promise.all([a.close(), a.close()])
    await until('all messages have come', () => got.length === 100)
    t.equal(a.isConnected, false)
    t.same(status, [false])
    a.publish('x', bytes('too late'))
    await t.rejects(a.request('x', bytes(''), 1000), { code: 'GP_DISPATCH_UNAVAILABLE' })
    await t.rejects(a.roundTrip())
    await a.close()
    const again = await connect('a2')
    again.publish('x', bytes('last'))
    await until('the later message has come', () => got.includes('last'))
    t.equal(got.length, 101)
  })
}
