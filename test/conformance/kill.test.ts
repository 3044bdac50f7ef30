import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { isFull } from '../helpers/full.js'
import { assign, assignBoth, checkChain, openSocket, producerOf, request, type Answer } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/** GATEPOST_TEST_KILLS=300 for the long run. */
const rounds = Number(process.env['GATEPOST_TEST_KILLS'] ?? (isFull ? 8 : 5))
/** A cluster is five processes to start, and retries under it wait for members to be known again. */
const roundMs = process.env['GATEPOST_TEST_DEPLOYMENT'] === 'cluster' ? 75_000 : 30_000
t.setTimeout(rounds * roundMs + 120_000)

const site = await startDeployment(t, { settings: { GATEPOST_RATE_USER: '0' } })
const users = ['ada', 'grace', 'linus']

/** One message that a client wants to be sent once, under its own key, until it has an answer. */
interface Wish {
  readonly title: string
  readonly by: 'producer' | 'user' | 'socket' | 'batch'
  readonly to: object
  /** Who is to have it in the inbox. */
  readonly receivers: readonly string[]
  /** Its id, once it was answered. */
  id?: string
}

t.test('kill -9 - what was answered is there; what was not is there once, after a retry', { timeout: rounds * roundMs + 90_000 }, async t => {
  const all: Wish[] = []
  await producerOf(site).join('staff', 'ada')
  await producerOf(site).join('staff', 'grace')
  for (let round = 0; round < rounds; round++) {
    const producer = producerOf(site)
    const session = await assign(site, 'sender')
    const device = await openSocket(t, session)
    const wishes: Wish[] = []
    const answered = (): number => wishes.filter(wish => wish.id !== undefined).length
    // The kill comes with the first answer after a number of them that differs from round to round.
    const enough = 1 + (round * 7) % 23
    let isOver = false
    let dead: (() => void) | undefined
    const killed = new Promise<void>(resolve => { dead = resolve })
    const note = (wish: Wish, id: unknown): void => {
      if (typeof id === 'string') wish.id = id
      if (answered() >= enough && !isOver) { isOver = true; void site.kill().then(dead) }
    }
    const write = async (wish: Wish): Promise<void> => {
      const body = { to: wish.to, title: wish.title }
      const headers = { 'idempotency-key': wish.title }
      const taken = (answer: Answer): unknown => answer.status === 201 || answer.status === 200 ? answer.body.id : undefined
      switch (wish.by) {
        case 'producer': note(wish, taken(await producer.call('POST', '/gate/messages', { body, headers }))); break
        case 'user': note(wish, taken(await session.call('POST', '/messages', { body, headers }))); break
        case 'socket': note(wish, (await device.ask('send', { ...body, idempotencyKey: wish.title }))?.id); break
        case 'batch': {
          const answer = await producer.call('POST', '/gate/messages', { body: [{ ...body, idempotencyKey: wish.title }] })
          note(wish, answer.body?.results?.[0]?.id)
        }
      }
    }
    const kinds: Array<(n: number) => Pick<Wish, 'by' | 'to' | 'receivers'>> = [
      n => ({ by: 'producer', to: { user: users[n % 3] }, receivers: [users[n % 3] ?? ''] }),
      () => ({ by: 'user', to: { user: 'grace' }, receivers: ['grace'] }),
      () => ({ by: 'socket', to: { users: ['linus', 'ada'] }, receivers: ['linus', 'ada'] }),
      () => ({ by: 'producer', to: { group: 'staff' }, receivers: ['ada', 'grace'] }),
      () => ({ by: 'batch', to: { users }, receivers: users })
    ]
    const running = Promise.allSettled(kinds.flatMap(kind => [kind, kind]).map(async (kind, writer) => {
      for (let n = 0; !isOver; n++) {
        const wish = { title: `${round}.${writer}.${n}`, ...kind(n) }
        wishes.push(wish)
        await write(wish)
      }
    }))
    await killed
    device.close()
    await running
    await site.start()

    const present = async (user: string): Promise<Map<string, string>> => {
      const session = (await assignBoth(site, user))[round % 2] ?? await assign(site, user)
      return new Map((await session.get('/messages?limit=200')).messages.map((message: any) => [message.title, message.id]))
    }
    for (const user of users) {
      const there = await present(user)
      t.same(wishes.filter(wish => wish.id !== undefined && wish.receivers.includes(user) && there.get(wish.title) !== wish.id), [], `round ${round}: nothing is missing for ${user}`)
    }
    // The clients come back and try again, those with an answer too.
    const back = producerOf(site)
    const again = await assign(site, 'sender')
    await Promise.all(wishes.map(async wish => {
      const options = { body: { to: wish.to, title: wish.title }, headers: { 'idempotency-key': wish.title } }
      const answer = wish.by === 'producer' || wish.by === 'batch' ? await back.call('POST', '/gate/messages', options) : await again.call('POST', '/messages', options)
      const isRight = wish.id === undefined ? answer.status === 200 || answer.status === 201 : answer.status === 200 && answer.body.id === wish.id
      if (!isRight) t.fail(`round ${round}: the retry of ${wish.title} (${wish.by}, ${wish.id}) got ${answer.status} ${answer.text}`)
      wish.id = answer.body?.id
    }))
    all.push(...wishes)
  }

  // The whole history: each message once for each receiver, the copies of the sender too, the counts exact, the chains whole.
  for (const user of [...users, 'sender']) {
    const session = await assign(site, user)
    const messages = await session.list(`limit=200${user === 'sender' ? '&box=sent' : ''}`)
    const want = all.filter(wish => user === 'sender' ? wish.by === 'user' || wish.by === 'socket' : wish.receivers.includes(user))
    t.same(messages.map(message => `${message.title} ${message.id}`).sort(), want.map(wish => `${wish.title} ${wish.id}`).sort(), `each once for ${user}`)
    t.equal(await session.unread(), user === 'sender' ? 0 : want.length, 'the count is exact')
    const device = await openSocket(t, session, { cursors: { [`u:${user}`]: 0 } })
    const head = device.ready.heads[`u:${user}`] ?? 0
    await until('the whole replay', () => device.entries.some(entry => entry.stream === `u:${user}` && entry.seq === head))
    const ids = checkChain(t, device.entries, `u:${user}`, 0).filter(entry => entry.type === 'message').map(entry => entry['id'])
    t.equal(new Set(ids).size, ids.length, 'each once in the stream')
  }
  t.equal((await request(site.gate, 'GET', '/readyz')).status, 200)
})
