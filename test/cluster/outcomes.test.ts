/**
 * Nodes killed and frozen under load, and a store that takes what is asked and answers nothing: each answer is compared with what is
 * stored in the end. 503 is never said of what is stored; what 504 was said of, the same key settles.
 */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { startCluster, type Cluster } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { mongodbMissing, startMongodbServer } from '../helpers/mongodb-server.js'
import { findNatsServer, natsMissing } from '../helpers/nats-server.js'
import { assign, producerOf, type Answer, type Session } from '../helpers/raw-client.js'
import { startTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.js'
import { until } from '../helpers/until.js'

const mongodb = await findNatsServer() === undefined ? undefined : await startMongodbServer(t)
const skip = mongodb === undefined ? `${natsMissing}; ${mongodbMissing}` : false
t.setTimeout(600_000)
const writerPauseMs = isFull ? 15 : 40
/** Longer than is tried what surely was not stored (10 s), and what may be stored (half a minute). */
const storeAwayMs = 34_000

interface Wish { readonly title: string, readonly key: string | undefined, readonly to: string, readonly send: (key: string | undefined) => Promise<Answer>, status: number, id?: string }

/** Nodes that stay: users send by way of these. */
const kept = 1

async function faults (site: Cluster, link: TcpProxy): Promise<void> {
  const frozen = site.nodeAt(site.nodes[1] ?? '')
  process.kill(frozen.pid, 'SIGSTOP')
  await pause(5_000)
  process.kill(frozen.pid, 'SIGCONT')
  await pause(2_000)
  await site.nodeAt(site.nodes[2] ?? '').end('SIGKILL')
  await pause(1_500)
  // What is written now is stored, and nobody hears of it.
  link.mute()
  await pause(1_500)
  await link.cut()
  await pause(storeAwayMs)
  await link.mend()
}

t.test('outcomes - 0 answered 503 though stored; the same key finds what 504 was said of', { skip }, async t => {
  if (mongodb === undefined) return
  const link = await startTcpProxy(t, mongodb.port)
  const site = await startCluster(t, { mongodb, mongodbUrl: url => url.replace(`:${mongodb.port}/`, `:${link.port}/`) })
  const users = Array.from({ length: 6 }, (_, i) => `user ${i}`)
  // Of the node that stays.
  const sessions: Session[] = []
  for (let i = 0; sessions.length < 4; i++) {
    const session = await assign(site, `sender ${i}`)
    if (session.node.url === site.nodes[kept - 1]) sessions.push(session)
  }
  const wishes: Wish[] = []
  let isOver = false
  async function write (by: string, n: number, hasKey: boolean, post: (body: object, headers: Record<string, string>) => Promise<Answer>): Promise<void> {
    const title = `${by} ${n}`
    const to = users[n % users.length] ?? ''
    const send = async (key: string | undefined): Promise<Answer> => await post({ to: { user: to }, title }, key === undefined ? {} : { 'idempotency-key': key })
    const wish: Wish = { title, key: hasKey ? title : undefined, to, send, status: 0 }
    wishes.push(wish)
    const { status, body } = await send(wish.key)
    Object.assign(wish, { status, id: body?.id })
    if (![201, 503, 504].includes(status)) t.fail(`${title}: ${status} ${JSON.stringify(body)}`)
    if (status === 504 && body.code !== 'GP_OUTCOME_UNKNOWN') t.fail(JSON.stringify(body))
    await pause(writerPauseMs)
  }
  const writers: Array<(n: number) => Promise<void>> = []
  for (const hasKey of [true, false]) {
    for (const gate of site.gates) {
      const shop = producerOf({ gate, producerToken: site.producerToken }, `shop at ${gate}`)
      for (const w of [0, 1]) writers.push(async n => { await write(`system ${gate} ${w} ${hasKey}`, n, hasKey, async (body, headers) => await shop.call('POST', '/gate/messages', { body, headers })) })
    }
    for (const [s, session] of sessions.entries()) writers.push(async n => { await write(`mail ${s} ${hasKey}`, n, hasKey, async (body, headers) => await session.call('POST', '/messages', { body, headers })) })
  }
  const writing = Promise.all(writers.map(async writer => { for (let n = 0; !isOver; n++) await writer(n) }))
  const stored = (): number => wishes.filter(({ status }) => status === 201).length
  await until('load', () => stored() > 100)
  await faults(site, link)
  const before = stored()
  await until('stored again', () => stored() > before + 100, 90_000)
  isOver = true
  await writing

  const count = (status: number): number => wishes.filter(wish => wish.status === status).length
  t.comment(`201: ${count(201)}, 503: ${count(503)}, 504: ${count(504)}`)
  const idsByTitle = new Map<string, string[]>()
  async function readAll (): Promise<void> {
    idsByTitle.clear()
    for (const user of users) {
      const session = await assign(site, user)
      for (let next: string | null = ''; next !== null;) {
        const path = `/messages?limit=200${next === '' ? '' : `&before=${encodeURIComponent(next)}`}`
        // A node may still be finding its store again.
        const page: { messages: Array<{ title: string, id: string }>, next: string | null } = await until(path, async () => { const { status, body } = await session.call('GET', path); return status === 200 ? body : undefined })
        for (const { title, id } of page.messages) idsByTitle.set(title, [...idsByTitle.get(title) ?? [], id])
        next = page.next
      }
    }
  }
  const there = ({ title }: Wish): string[] => idsByTitle.get(title) ?? []
  await readAll()
  t.same(wishes.filter(wish => wish.status === 503 && there(wish).length > 0).map(({ title }) => title), [], '0 answered 503 though stored')
  t.same(wishes.filter(wish => wish.status === 201 && there(wish).join() !== wish.id).map(({ title }) => title), [], 'what was answered 201 is there, once')

  const unknown = wishes.filter(wish => wish.status !== 201 && wish.key !== undefined)
  for (const wish of unknown) {
    const [first] = there(wish)
    const again = await until(`the answer for ${wish.title}`, async () => { const answer = await wish.send(wish.key); return answer.status < 300 ? answer : undefined }, 60_000, 200)
    if (first !== undefined && again.body.id !== first) t.fail(`${wish.title}: another id under the same key`)
    wish.id = again.body.id
  }
  await readAll()
  t.same(unknown.filter(wish => there(wish).join() !== wish.id).map(({ title }) => title), [], 'each once after the repeat')
  // Which of the two, the few requests of the short form leave to chance.
  t.ok(isFull ? count(503) > 0 && count(504) > 0 : count(503) + count(504) > 0, 'the faults were felt')
})
