import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assignBoth, checkChain, openSocket, producerOf, type Entry, type RawSocket, type Session } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/**
 * Users, groups and a producer do things at random, several at once; then what a device can tell from the entries that it was sent, what
 * each node lists, and what each node counts must be the same. GATEPOST_TEST_SEED and GATEPOST_TEST_STEPS vary it.
 */
let state = Number(process.env['GATEPOST_TEST_SEED'] ?? 1)
const steps = Number(process.env['GATEPOST_TEST_STEPS'] ?? 200)
t.setTimeout(60_000 + steps * 100)
const random = (below: number): number => { state = (state * 1_103_515_245 + 12_345) % 2_147_483_648; return Math.floor(state / 65_536) % below }
const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T

const site = await startDeployment(t, { settings: { GATEPOST_RATE_USER: '0' } })
let producer = producerOf(site)
const users = ['ada', 'grace', 'linus']
const groups = ['red', 'blue']
const categories = ['general', 'chat', 'toString']

interface Shown { id: string, stream: string, seq: number, title: string | null, category: string, read: boolean | undefined, archived: boolean, recalled: boolean, boxes: string[] }

/** What a client can know: the messages it was sent, changed by all changes in the order of their streams. */
function fold (user: string, entries: readonly Entry[]): Map<string, Shown> {
  const own = `u:${user}`
  const distinct = [...new Map(entries.filter(entry => entry.stream !== undefined).map(entry => [`${entry.stream} ${entry.seq}`, entry])).values()].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
  const joined = new Map<string, number | undefined>()
  for (const entry of distinct) if (entry.stream === own && entry['group'] !== undefined) joined.set(`g:${entry['group']}`, entry['joined'] === true ? entry['after'] as number : undefined)
  const shown = new Map<string, Shown>()
  for (const entry of distinct) {
    if (entry.type !== 'message') continue
    const stream = entry.stream as string
    if (stream.startsWith('g:') && (joined.get(stream) === undefined || (entry.seq ?? 0) <= (joined.get(stream) ?? 0))) continue
    if (stream !== own && entry['from'].user === user) continue
    if (Date.parse(entry['expiresAt']) <= Date.now()) continue
    const boxes = [...entry['boxes'] as string[]].sort()
    const isOwn = entry['from'].user === user
    shown.set(entry['id'], { id: entry['id'], stream, seq: entry.seq ?? 0, title: entry['title'], category: entry['category'], read: isOwn ? undefined : entry['read'], archived: entry['archived'], recalled: entry['recalled'], boxes })
  }
  for (const entry of distinct) {
    if (entry.type !== 'change') continue
    if (entry['recalled'] === true) {
      for (const id of entry['ids']) { const message = shown.get(id); if (message !== undefined) Object.assign(message, { recalled: true, title: null }) }
      continue
    }
    for (const id of entry['ids'] ?? []) {
      const message = shown.get(id)
      if (message === undefined) continue
      if (entry['deleted'] === true) { shown.delete(id); continue }
      if (entry['read'] !== undefined && message.read !== undefined) message.read = entry['read']
      if (entry['archived'] !== undefined) message.archived = entry['archived']
    }
    for (const [stream, seq] of Object.entries<number>(entry['readTo'] ?? {})) {
      for (const message of shown.values()) {
        if (message.stream === stream && message.seq <= seq && message.read !== undefined && (entry['category'] === undefined || message.category === entry['category'])) message.read = true
      }
    }
  }
  return shown
}

async function listed (session: Session): Promise<Map<string, Shown>> {
  const all = [...await session.list('limit=200'), ...await session.list('limit=200&box=archived'), ...await session.list('limit=200&box=sent')]
  return new Map(all.map(message => [message.id as string, {
    id: message.id,
    stream: message.stream,
    seq: message.seq,
    title: message.title,
    category: message.category,
    read: message.from.user === session.user ? undefined : message.read,
    archived: message.archived,
    recalled: message.recalled,
    boxes: [...message.boxes].sort()
  }]))
}

const text = (shown: Map<string, Shown>): string => [...shown.values()].sort((a, b) => a.id < b.id ? -1 : 1).map(one => JSON.stringify(one)).join('\n')
const counted = (shown: Map<string, Shown>): unknown => {
  const byCategory: Record<string, number> = {}
  let unread = 0
  for (const one of shown.values()) {
    if (one.read !== false || one.archived || one.recalled || !one.boxes.includes('inbox')) continue
    unread++
    byCategory[one.category] = (Object.hasOwn(byCategory, one.category) ? byCategory[one.category] ?? 0 : 0) + 1
  }
  return { unread, byCategory }
}

t.test('model - devices, lists and counts agree whatever is done', async t => {
  let sessions = new Map<string, [Session, Session]>()
  for (const user of users) sessions.set(user, await assignBoth(site, user))
  const devices: RawSocket[] = []
  for (const [one, two] of sessions.values()) devices.push(await openSocket(t, one), await openSocket(t, two, { transports: ['polling'] }))
  const known: string[] = []
  const sentBy = new Map<string, string[]>(users.map(user => [user, []]))
  let lastEndMs = 0
  const trail: string[] = []

  const act = async (step: number): Promise<string> => {
    const user = pick(users)
    const session = (sessions.get(user) as [Session, Session])[random(2)] as Session
    const device = pick(devices.filter(one => one.session.user === user))
    const title = `step ${step}`
    const isShort = random(12) === 0
    if (isShort) lastEndMs = Date.now() + 3000
    const extras = { title, category: pick(categories), ...(isShort ? { ttl: 1 + random(2) } : {}) }
    switch (random(16)) {
      case 0: case 1: case 2: {
        const to = pick<object>([{ user: pick(users) }, { users }, { user }, { users: [pick(users), pick(users)] }])
        const { id } = await session.send({ to, ...extras })
        known.push(id)
        sentBy.get(user)?.push(id)
        return `${user} sends to ${JSON.stringify(to)}`
      }
      case 3: case 4: {
        const to = pick<object>([{ user: pick(users) }, { group: pick(groups) }, { all: true }, { users }])
        known.push((await producer.send({ to, ...extras })).id)
        return `the producer sends to ${JSON.stringify(to)}`
      }
      case 5: {
        const group = pick(groups)
        const answer = await device.ask('send', { to: { group }, ...extras })
        if (answer.id !== undefined) { known.push(answer.id); sentBy.get(user)?.push(answer.id) }
        return `${user} posts to ${group}: ${answer.error?.code ?? 'done'}`
      }
      case 6: {
        const results = await producer.sendAll([{ to: { all: true }, ...extras }, { to: { group: pick(groups) }, ...extras }, { to: { user: pick(users) }, ...extras }])
        known.push(...results.map(result => result.id as string))
        return 'the producer sends a batch'
      }
      case 7: case 8: {
        const id = pick(known)
        const change = pick<object>([{ read: true }, { read: false }, { archived: true }, { archived: false }, { read: true, archived: true }, { read: false, archived: false }])
        const { status } = await session.call('PATCH', `/messages/${id}`, { body: change })
        return `${user} ${JSON.stringify(change)} ${id}: ${status}`
      }
      case 9: {
        const ids = [pick(known), pick(known), pick(known)]
        const answer = await device.ask('read', { ids })
        return `${user} reads ${ids.join()}: ${JSON.stringify(answer)}`
      }
      case 10: {
        const id = pick(known)
        return `${user} deletes ${id}: ${(await session.call('DELETE', `/messages/${id}`)).status}`
      }
      case 11: {
        const seen = device.entries.filter(entry => entry.type === 'message')
        const entry = pick(seen)
        const body = pick<object>([{}, { category: pick(categories) }, ...(entry === undefined ? [] : [{ upTo: { [entry.stream ?? '']: entry.seq } }, { upTo: { [entry.stream ?? '']: entry.seq }, category: pick(categories) }])])
        return `${user} marks ${JSON.stringify(body)}: ${(await session.call('POST', '/messages/read', { body })).status}`
      }
      case 12: case 13: {
        const id = pick(random(4) === 0 ? known : sentBy.get(user) ?? []) ?? 'none'
        return `${user} recalls ${id}: ${(await session.call('POST', `/messages/${id}/recall`)).status}`
      }
      case 14: {
        const group = pick(groups)
        await producer.join(group, user)
        return `${user} joins ${group}`
      }
      default: {
        const group = pick(groups)
        await producer.call('DELETE', `/gate/groups/${group}/members/${user}`)
        return `${user} leaves ${group}`
      }
    }
  }

  const agree = async (where: string): Promise<boolean> => {
    for (const user of users) {
      const [one, two] = sessions.get(user) as [Session, Session]
      const first = await listed(one)
      const second = await listed(two)
      const diff = (name: string, got: unknown, want: unknown): boolean => {
        if (JSON.stringify(got) === JSON.stringify(want)) return true
        t.same(got, want, `${where}: ${name} of ${user} (seed ${process.env['GATEPOST_TEST_SEED'] ?? 1})`, { trail: trail.slice(-15) })
        return false
      }
      if (!diff('the two nodes\' lists', text(first).split('\n'), text(second).split('\n'))) return false
      const want = counted(first) as { unread: number, byCategory: Record<string, number> }
      for (const session of [one, two]) {
        const got = await session.get('/messages/unread')
        if (!t.same(got, want, `${where}: the count of ${user} at ${session.node.id}`, { trail: trail.slice(-15) })) return false
        const filtered = (await session.list('unread=true')).map(message => message.id).sort()
        if (!diff('unread=true', filtered, [...first.values()].filter(one => one.read === false && !one.archived && !one.recalled && one.boxes.includes('inbox')).map(one => one.id).sort())) return false
      }
      for (const device of devices.filter(one => one.session.user === user)) {
        await until(`${where}: the entries tell ${user} the same`, () => text(fold(user, device.entries)) === text(first), 5000).catch(() => {})
        if (!diff('what the entries tell', text(fold(user, device.entries)).split('\n'), text(first).split('\n'))) return false
        for (const [stream, head] of Object.entries(device.ready.heads)) if (!stream.startsWith('g:')) checkChain(t, device.entries, stream, head, where)
        await until(`${where}: the last unread of ${user}`, () => device.shown().unread === want.unread, 5000)
      }
      const replay = await openSocket(t, pick([one, two]), { cursors: { [`u:${user}`]: 0 } })
      await until(`${where}: the replay tells ${user} the same`, () => text(fold(user, replay.entries)) === text(first), 5000).catch(() => {})
      if (!diff('what a replay tells', text(fold(user, replay.entries)).split('\n'), text(first).split('\n'))) return false
      replay.close()
    }
    return true
  }

  known.push((await producer.send({ to: { all: true }, title: 'first' })).id)
  for (let step = 0; step < steps; step++) {
    try {
      await Promise.all(Array.from({ length: 1 + random(3) }, async () => { trail.push(`${step} ${await act(step)}`) }))
    } catch (error) { t.fail(`step ${step}: ${String(error)}`, { trail: trail.slice(-5) }); return }
    if (step % 50 !== 49 && step !== steps - 1) continue
    await until('what lives shortly has gone', () => Date.now() > lastEndMs)
    if (!await agree(`after ${step + 1} steps`)) return
  }

  const before = await Promise.all(users.map(async user => text(await listed((sessions.get(user) as [Session, Session])[0]))))
  await site.kill()
  await site.start()
  producer = producerOf(site)
  sessions = new Map()
  devices.length = 0
  for (const user of users) sessions.set(user, await assignBoth(site, user))
  t.same(await Promise.all(users.map(async user => text(await listed((sessions.get(user) as [Session, Session])[1])))), before, 'the same after a kill and a start')
  await agree('after a kill and a start')
})
