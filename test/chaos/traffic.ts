/** Those who use the cluster meanwhile: devices, writers, backends, who joins and leaves, and readers. All write down what they did. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { memoryStorage, probeInbox, type Probe } from '../helpers/inbox-probe.js'
import { assign, request, type Answer } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'
import type { ChaosCluster } from './cluster.js'
import type { Log, Post, Stay } from './history.js'
import { seeded } from './schedule.js'

export interface Traffic {
  readonly posts: readonly Post[]
  readonly stays: readonly Stay[]
  readonly devices: ReadonlyArray<Probe & { readonly user: string }>
  /** What readers did not see though it had been answered before they asked. */
  readonly staleReads: readonly string[]
  readonly reads: () => number
  readonly isMember: (user: string, group: string) => boolean
  /** No more begins; what is under way ends. */
  stop: () => Promise<void>
  /** Everything that the store holds for these users. */
  readLog: () => Promise<Log>
}

const users = Array.from({ length: 24 }, (_, i) => `user ${i}`)
const fixedGroups = ['red', 'green']
const openGroups = ['blue', 'grey']
/** Those who join and leave the open groups. */
const guests = users.slice(0, 8)
/** One who stays in each of them: whose devices get all of it. */
const hosts = users.slice(-openGroups.length)
const answerWithinMs = 60_000

export async function startTraffic (host: Test, cluster: ChaosCluster, seed: number): Promise<Traffic> {
  const random = seeded(seed ^ 0x5eed)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const posts: Post[] = []
  const stays: Stay[] = []
  const staleReads: string[] = []
  let reads = 0
  let titles = 0
  let isOver = false
  const isMember = (user: string, group: string): boolean => fixedGroups[users.indexOf(user) % fixedGroups.length] === group || openGroups[hosts.indexOf(user)] === group

  /** Asks some Gate; undefined where no answer comes. */
  async function ask (method: string, path: string, body?: object, key?: string): Promise<Answer | undefined> {
    const asked = request(pick(cluster.gates), method, path, { token: cluster.producerToken(), ...body === undefined ? {} : { body }, ...key === undefined ? {} : { headers: { 'idempotency-key': key } } })
    asked.catch(() => {})
    const late = new AbortController()
    try { return await Promise.race([asked, pause(answerWithinMs, undefined, { signal: late.signal })]) } catch { return undefined } finally { late.abort() }
  }

  async function insist (method: string, path: string, body?: object, key?: string): Promise<Answer> {
    for (;;) {
      const answer = await ask(method, path, body, key)
      if (answer !== undefined && answer.status < 300) return answer
      if (answer !== undefined && ![503, 504].includes(answer.status)) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
      await pause(100)
    }
  }

  function begin (kind: string, streams: readonly string[], group?: string): Post {
    const post: Post = { title: `${kind} ${titles++}`, streams: [...new Set(streams)], group, begunMs: Date.now(), endedMs: Infinity, outcome: 'open', id: undefined }
    posts.push(post)
    return post
  }
  const end = (post: Post, outcome: Post['outcome'], id?: string): void => { Object.assign(post, { outcome, id, endedMs: Date.now() }) }

  const memberPath = (group: string, user: string): string => `/gate/groups/${group}/members/${encodeURIComponent(user)}`
  for (const user of users) for (const group of [...fixedGroups, ...openGroups]) if (isMember(user, group)) await insist('PUT', memberPath(group, user))

  const devices = users.flatMap((user, i) => (i % 3 === 0 ? [0, 1] : [0]).map(n => ({
    user,
    ...probeInbox(host, {
      gate: cluster.gates[(i + n) % cluster.gates.length] ?? '',
      token: () => cluster.userToken(user),
      storage: memoryStorage(),
      timing: { readyTimeoutMs: 5_000, requestTimeoutMs: 10_000, patienceMs: 30_000, retryBaseMs: 100 }
    })
  })))
  await Promise.all(devices.map(async ({ inbox }) => { await inbox.whenLive() }))

  async function writeMail (n: number): Promise<void> {
    const { inbox, user } = devices[n] as typeof devices[number]
    const to = pick(users)
    const group = random() < 0.25 ? fixedGroups.find(name => isMember(user, name)) : undefined
    const post = begin('mail', [group === undefined ? `u:${to}` : `g:${group}`, `u:${user}`], group)
    try { end(post, 'stored', (await inbox.send({ to: group === undefined ? { user: to } : { group }, title: post.title })).id) } catch (error) { throw new Error(`${post.title}: ${(error as Error).message}`) }
    await pause(random() * 600)
  }

  async function postByBackend (hasKey: boolean): Promise<void> {
    const group = random() < 0.5 ? pick([...fixedGroups, ...openGroups]) : undefined
    const user = pick(users)
    const isForAll = group === undefined && random() < 0.1
    const post = begin(hasKey ? 'keyed' : 'bare', [group !== undefined ? `g:${group}` : isForAll ? 'all' : `u:${user}`], group)
    const body = { to: group !== undefined ? { group } : isForAll ? { all: true } : { user }, title: post.title }
    if (hasKey) end(post, 'stored', (await insist('POST', '/gate/messages', body, post.title)).body.id)
    else {
      const answer = await ask('POST', '/gate/messages', body)
      if (answer !== undefined && ![201, 503, 504].includes(answer.status)) throw new Error(`${post.title}: ${answer.status} ${answer.text}`)
      end(post, answer?.status === 201 ? 'stored' : answer?.status === 503 ? 'refused' : 'unknown', answer?.body?.id)
    }
    await pause(random() * 100)
  }

  async function comeAndGo (user: string): Promise<void> {
    const group = openGroups[guests.indexOf(user) % openGroups.length] as string
    const stay: Stay = { user, group, joinBegunMs: Date.now(), joinedMs: Infinity, leaveBegunMs: Infinity, leftMs: Infinity }
    stays.push(stay)
    await insist('PUT', memberPath(group, user))
    stay.joinedMs = Date.now()
    await pause(500 + random() * 6_000)
    if (isOver) return
    stay.leaveBegunMs = Date.now()
    await insist('DELETE', memberPath(group, user))
    stay.leftMs = Date.now()
    await pause(500 + random() * 6_000)
  }

  async function list (user: string, box: 'inbox' | 'sent'): Promise<Array<{ title: string, id: string, stream: string }>> {
    const session = await assign({ gate: pick(cluster.gates), userToken: cluster.userToken }, user)
    const found: Array<{ title: string, id: string, stream: string }> = []
    for (let before = ''; ;) {
      const { status, body } = await session.call('GET', `/messages?limit=200&box=${box}${before}`)
      if (status !== 200) throw new Error(`GET /messages: ${status}`)
      found.push(...body.messages)
      if (body.next === null) return found
      before = `&before=${encodeURIComponent(body.next)}`
    }
  }

  async function read (user: string): Promise<void> {
    const beforeMs = Date.now()
    const due = posts.filter(({ streams: [stream], outcome, endedMs }) => stream === `u:${user}` && outcome === 'stored' && endedMs < beforeMs)
    try {
      const late = new AbortController()
      const page = await Promise.race([list(user, 'inbox'), pause(10_000, undefined, { signal: late.signal })])
      late.abort()
      if (page === undefined) return
      reads++
      const there = new Set(page.map(({ title }) => title))
      const missed = due.filter(({ title }) => !there.has(title))
      if (missed.length > 0) staleReads.push(`a read by ${user} did not show ${missed.length} that were answered before, such as ${missed[0]?.title}`)
    } catch { /* it had no node, or no store: nothing was said */ }
    await pause(500 + random() * 1_000)
  }

  const problems: string[] = []
  const repeat = async (work: () => Promise<void>): Promise<void> => {
    while (!isOver) await work().catch(async (error: unknown) => { problems.push(String(error)); await pause(200) })
  }
  const working = Promise.all([
    ...devices.map(async (_, n) => { await repeat(async () => { await writeMail(n) }) }),
    ...Array.from({ length: 6 }, async (_, n) => { await repeat(async () => { await postByBackend(n < 3) }) }),
    ...guests.map(async user => { await repeat(async () => { await comeAndGo(user) }) }),
    ...[0, 1].map(async () => { await repeat(async () => { await read(pick(users)) }) })
  ])

  return {
    posts,
    stays,
    devices,
    staleReads,
    reads: () => reads,
    isMember,
    async stop () {
      isOver = true
      await working
      staleReads.push(...problems)
    },
    async readLog () {
      // By stream: title by id. A sender does not list the group's own entry of what it posted: others of the group do.
      const log = new Map<string, Map<string, string>>()
      for (const user of users) {
        for (const box of ['inbox', 'sent'] as const) {
          for (const { title, id, stream } of await until(`the ${box} of ${user}`, async () => await list(user, box).catch(() => undefined), 60_000, 200)) {
            // Who was a guest does not see all of it.
            if (stream.startsWith('g:') && !isMember(user, stream.slice(2))) continue
            const known = log.get(stream) ?? new Map<string, string>()
            log.set(stream, known.set(id, title))
          }
        }
      }
      return new Map([...log].map(([stream, known]) => [stream, [...known].map(([id, title]) => ({ id, title }))]))
    }
  }
}
