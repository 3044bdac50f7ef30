import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, assignBoth, checkChain, openSocket, producerOf, request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/** GATEPOST_TEST_KILLS=300 for the long run. */
const rounds = Number(process.env['GATEPOST_TEST_KILLS'] ?? 20)
t.setTimeout(rounds * 8000 + 40_000)

const site = await startDeployment(t)

t.test('kill -9 - nothing that was answered with 201 is missing', { timeout: rounds * 8000 + 30_000 }, async t => {
  const answered: Array<{ id: string, to: string, round: number }> = []
  const users = ['ada', 'grace', 'linus']
  await producerOf(site).join('staff', 'ada')
  for (let round = 0; round < rounds; round++) {
    const producer = producerOf(site)
    const session = await assign(site, 'sender')
    const device = await openSocket(t, session)
    // Several writers of all kinds; the kill comes with the first answer after a number of them that differs from round to round.
    const enough = 1 + (round * 7) % 23
    let count = 0
    let isOver = false
    let kill: (() => void) | undefined
    const killed = new Promise<void>(resolve => { kill = resolve })
    const note = (id: unknown, to: string): void => {
      if (typeof id !== 'string') return
      answered.push({ id, to, round })
      if (++count === enough) { isOver = true; void site.kill().then(kill) }
    }
    const writers: Array<() => Promise<void>> = [
      async () => { const user = users[count % 3] ?? ''; const answer = await producer.call('POST', '/gate/messages', { body: { to: { user }, title: `p${round}` } }); if (answer.status === 201) note(answer.body.id, user) },
      async () => { const answer = await session.call('POST', '/messages', { body: { to: { user: 'grace' }, title: `m${round}` } }); if (answer.status === 201) note(answer.body.id, 'grace') },
      async () => { const answer = await device.ask('send', { to: { user: 'linus' }, title: `s${round}` }); note(answer?.id, 'linus') },
      async () => { const answer = await producer.call('POST', '/gate/messages', { body: { to: { group: 'staff' }, title: `g${round}` } }); if (answer.status === 201) note(answer.body.id, 'ada') },
      async () => {
        const answer = await producer.call('POST', '/gate/messages', { body: users.map(user => ({ to: { user }, title: `b${round}` })) })
        if (answer.status === 207) for (const [i, result] of answer.body.results.entries()) if (result.status === 201) note(result.id, users[i] ?? '')
      }
    ]
    const running = writers.flatMap(write => [write, write]).map(async write => { while (!isOver) { try { await write() } catch { if (!isOver) throw new Error('refused before the kill') } } })
    await killed
    device.close()
    await Promise.allSettled(running)
    await site.start()
    for (const user of users) {
      const ids = new Set<string>()
      const [one, two] = await assignBoth(site, user)
      const page = await (round % 2 === 0 ? one : two).get('/messages?limit=200')
      for (const message of page.messages) ids.add(message.id)
      const missing = answered.filter(one => one.round === round && one.to === user && !ids.has(one.id))
      t.same(missing, [], `round ${round}: nothing is missing for ${user}`)
    }
  }
  // All of it, over the whole history, and the chains are whole.
  for (const user of [...users, 'sender']) {
    const session = await assign(site, user)
    const ids = new Set([...await session.list('limit=200'), ...await session.list('limit=200&box=sent')].map(message => message.id as string))
    t.same(answered.filter(one => one.to === user && !ids.has(one.id)), [], `all is there for ${user}`)
    const inbox = await session.list('limit=200')
    t.equal(await session.unread(), inbox.length, 'the count is exact')
    const device = await openSocket(t, session, { cursors: { [`u:${user}`]: 0 } })
    const head = device.ready.heads[`u:${user}`] ?? 0
    await until('the whole replay', () => device.entries.some(entry => entry.stream === `u:${user}` && entry.seq === head))
    const chain = checkChain(t, device.entries, `u:${user}`, 0)
    t.equal(new Set(chain.filter(entry => entry.type === 'message').map(entry => entry['id'])).size, chain.filter(entry => entry.type === 'message').length, 'each once')
  }
  t.equal((await request(site.gate, 'GET', '/readyz')).status, 200)
})
