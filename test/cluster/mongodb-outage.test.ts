/**
 * MongoDB away under load, as while the primary of a shard is killed and another one elected: each message was refused (503) or is
 * stored, never both, never half (with the receivers and not with the sender, or with some receivers only); where nobody can tell
 * (504), the same again under the same key tells.
 */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { startCluster } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assignEach, checkChain, openSocket, producerOf, type Answer } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/**
 * Shorter and longer than an append is tried that surely is not stored; all shorter than one is tried that may be stored (half a
 * minute): after that nobody can tell.
 */
const outagesMs = [2000, 12_000, ...process.env['GATEPOST_TEST_OUTAGE'] === undefined && !isFull ? [] : [20_000]]
const mongodb = await findNatsServer() === undefined ? undefined : await startMongodbServer(t, { isKept: true })
const skip = mongodb === undefined ? `${natsMissing}; ${mongodbMissing}` : mongodb.outage === undefined ? 'cannot end a given server' : false
const writerPauseMs = isFull ? 20 : 80
const loadBefore = isFull ? 200 : 60
t.setTimeout(400_000 + outagesMs.reduce((a, b) => a + b, 0) * 2)

interface Wish { readonly title: string, readonly streams: readonly string[], outcome: 'open' | 'stored' | 'refused' | 'unknown' | 'broken', id?: string, answer?: string, tookMs?: number }

t.test('MongoDB away - under load: each message refused or stored, never both, never half', { skip }, async t => {
  if (mongodb?.outage === undefined) return
  const site = await startCluster(t, { mongodb, settings: { GATEPOST_RATE_USER: '0' } })
  const users = Array.from({ length: 12 }, (_, i) => `user ${i}`)
  for (const user of users) await producerOf(site).join('staff', user)
  const sessions = new Map(await Promise.all(users.map(async user => [user, await assignEach(site, user)] as const)))
  const devices = await Promise.all(users.slice(0, 6).map(async user => await openSocket(t, sessions.get(user)?.[0] as never)))
  const starts = devices.map(device => device.ready.heads)
  const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T

  const wishes: Wish[] = []
  let isOver = false
  async function write (by: string, streams: readonly string[], send: (title: string) => Promise<{ outcome: Wish['outcome'], id?: string, answer?: string }>): Promise<void> {
    const wish: Wish = { title: `${by} ${wishes.length}`, streams: [...new Set(streams)], outcome: 'open' }
    wishes.push(wish)
    const begun = performance.now()
    Object.assign(wish, await send(wish.title), { tookMs: performance.now() - begun })
    await pause(writerPauseMs)
  }
  const byAnswer = ({ status, body, text, headers }: Answer): { outcome: Wish['outcome'], id?: string, answer?: string } =>
    status === 201 ? { outcome: 'stored', id: body.id } : status === 504 && body.code === 'GP_OUTCOME_UNKNOWN' ? { outcome: 'unknown' } : { outcome: status === 503 && headers.get('retry-after') !== null ? 'refused' : 'broken', answer: `${status} ${text}` }
  const writers: Array<(n: number) => Promise<void>> = []
  for (let w = 0; w < 18; w++) {
    const from = pick(users, w)
    const session = pick(sessions.get(from) ?? [], w % 3)
    const others = (n: number): string[] => [pick(users, 5 * n + w + 1), pick(users, 5 * n + w + 3), pick(users, 5 * n + w + 4)]
    const post = (to: object, key?: string) => async (title: string) => byAnswer(await session.call('POST', '/messages', { body: { to, title }, ...key !== undefined && { headers: { 'idempotency-key': key } } }))
    if (w % 3 === 0) writers.push(async n => { const to = pick(users, 5 * n + w + 1); await write('mail', [`u:${to}`, `u:${from}`], post({ user: to })) })
    else if (w % 3 === 1) writers.push(async n => { await write('mail to three', [...others(n).map(user => `u:${user}`), `u:${from}`], post({ users: others(n) }, `${w} ${n}`)) })
    else writers.push(async () => { await write('post', ['g:staff', `u:${from}`], post({ group: 'staff' })) })
  }
  for (const gate of site.gates) {
    const backend = producerOf({ gate, producerToken: site.producerToken }, `backend of ${gate}`)
    for (let w = 0; w < 4; w++) {
      writers.push(async n => {
        const to = [pick(users, n), pick(users, n + 4)]
        await write('system', to.map(user => `u:${user}`), async title => byAnswer(await backend.call('POST', '/gate/messages', { body: { to: { users: to }, title } })))
      })
    }
    writers.push(async n => {
      const to = [pick(users, n), pick(users, n + 7)]
      await write('batch', to.map(user => `u:${user}`), async title => {
        const answer = await backend.call('POST', '/gate/messages', { body: [{ to: { users: to }, title }] })
        const result = answer.body?.results?.[0]
        return answer.status !== 207 ? byAnswer(answer) : result.status === 201 ? { outcome: 'stored', id: result.id } : result.status === 504 ? { outcome: 'unknown' } : { outcome: result.status === 503 ? 'refused' : 'broken', answer: JSON.stringify(result) }
      })
    })
  }
  const writing = Promise.all(writers.map(async writer => { for (let n = 0; !isOver; n++) await writer(n) }))

  const count = (outcome: Wish['outcome']): number => wishes.filter(wish => wish.outcome === outcome).length
  for (const outageMs of outagesMs) {
    const before = count('stored')
    await until('load', () => count('stored') > before + loadBefore)
    const [stored, refused] = [count('stored'), count('refused')]
    await mongodb.outage.begin()
    await pause(outageMs)
    await mongodb.outage.end()
    const backAt = performance.now()
    await until('stored again', () => count('stored') > stored + 50)
    t.comment(`away for ${outageMs} ms: ${count('refused') - refused} refused; 50 more stored ${Math.round(performance.now() - backAt)} ms after its return`)
  }
  const open = wishes.filter(({ outcome }) => outcome === 'open')
  await until('what was asked during the outages is answered', () => open.every(({ outcome }) => outcome !== 'open'), 60_000)
  isOver = true
  await writing
  t.same(wishes.filter(({ outcome }) => outcome === 'broken' || outcome === 'open').slice(0, 5), [], 'each answered with 201, 503 or 504')
  t.comment(`${count('stored')} stored, ${count('refused')} refused, ${count('unknown')} unknown; slowest answer ${Math.max(...wishes.map(({ tookMs = 0 }) => tookMs)).toFixed(0)} ms`)

  // The logs themselves, each read whole by a new socket of whoever sees it.
  const logs = new Map<string, Map<string, string>>()
  for (const [i, user] of users.entries()) {
    const device = await openSocket(t, pick(sessions.get(user) ?? [], i), { cursors: { [`u:${user}`]: 0 } })
    const { heads } = device.ready
    await until(`the replay of ${user}`, () => Object.entries(heads).every(([stream, head]) => head === 0 || device.entries.some(entry => entry.stream === stream && (entry.seq ?? 0) >= head)))
    for (const stream of [`u:${user}`, ...i === 0 ? ['g:staff'] : []]) {
      const first = device.entries.find(entry => entry.stream === stream)
      const chain = checkChain(t, device.entries, stream, first?.prev ?? 0).filter(entry => entry.type === 'message')
      t.equal(new Set(chain.map(entry => entry['id'])).size, chain.length, `${stream}: each once`)
      logs.set(stream, new Map(chain.map(entry => [entry['title'] as string, entry['id'] as string])))
    }
    device.close()
  }
  const placesOf = ({ title, streams }: Wish): string[] => streams.filter(stream => logs.get(stream)?.has(title) === true)
  const faults = (which: (wish: Wish) => boolean): unknown[] => wishes.filter(which).map(wish => ({ ...wish, there: placesOf(wish) }))
  t.same(faults(wish => wish.outcome === 'stored' && wish.streams.some(stream => logs.get(stream)?.get(wish.title) !== wish.id)), [], 'what was answered with 201 is there, everywhere')
  const both = faults(wish => wish.outcome === 'refused' && placesOf(wish).length > 0)
  t.same(both.slice(0, 5), [], `what was refused is not there (${both.length})`)
  const half = faults(wish => ![0, wish.streams.length].includes(placesOf(wish).length))
  t.same(half.slice(0, 5), [], `nothing is there in part (${half.length})`)

  // Devices that were open all along have it all, in order.
  for (const [i, device] of devices.entries()) {
    for (const [stream, from] of Object.entries(starts[i] ?? {})) {
      const want = wishes.filter(wish => wish.outcome === 'stored' && wish.streams.includes(stream))
      await until(`all of ${stream} at ${device.session.user}`, () => { const got = new Set(device.entries.map(entry => entry['id'])); return want.every(({ id }) => got.has(id)) }, 60_000, 100)
      checkChain(t, device.entries, stream, from, `live at ${device.session.user}: ${stream}`)
    }
    t.equal(device.closed(), undefined, 'stayed open')
  }
})
