/** `gatepost up --processes 2`: a connection goes to the process of the node that its first request is for, whatever the requests on it look like. */
import { once } from 'node:events'
import { Agent, request as ask } from 'node:http'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startEmbedded, type Deployment } from '../helpers/deployment.js'
import { assign, assignBoth, type Session } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

t.setTimeout(400_000)
const skip = process.platform === 'linux' ? false : 'needs /proc: Linux'
const settings = { GATEPOST_PROCESSES: '2', GATEPOST_RATE_USER: '0' }

const workersOf = (site: Deployment): number[] => readFileSync(`/proc/${site.pids()[0]}/task/${site.pids()[0]}/children`, 'utf8').split(' ').filter(text => text !== '').map(Number)
const backs = (site: Deployment): number => site.log().split('"event":"process-back"').length - 1

/** The processes that have the server's end of a connection open. */
function holdersOf (site: Deployment, { localPort, remotePort }: Socket): number[] {
  const ends = (address: string | undefined, port = 0): boolean => address?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, '0')}`) === true
  const line = readFileSync('/proc/net/tcp', 'utf8').split('\n').map(text => text.trim().split(/\s+/)).find(([, local, remote]) => ends(local, remotePort) && ends(remote, localPort))
  const inode = `socket:[${line?.[9]}]`
  const has = (pid: number): boolean => readdirSync(`/proc/${pid}/fd`).some(fd => { try { return readlinkSync(`/proc/${pid}/fd/${fd}`) === inode } catch { return false } })
  return [...site.pids(), ...workersOf(site)].filter(has)
}

interface Client { readonly socket: Socket, readonly write: (text: string) => void, /** Resolves with the status lines once there are so many answers, or the connection is closed. */ readonly answers: (count: number) => Promise<string[]>, readonly text: () => string }

async function open (t: Test, { url }: Session['node']): Promise<Client> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }).on('error', () => {})
  t.teardown(() => { socket.destroy() })
  let text = ''
  let isClosed = false
  socket.setEncoding('utf8').on('data', (piece: string) => { text += piece }).on('close', () => { isClosed = true }).on('end', () => { isClosed = true })
  await once(socket, 'connect')
  const lines = (): string[] => text.match(/HTTP\/1\.1 \d+/g) ?? []
  return {
    socket,
    write: piece => { socket.write(piece) },
    answers: async count => {
      // An answer of a mail ends with its time.
      await until(`${count} answers`, () => isClosed || (lines().length >= count && /\}$/.test(text)), 30_000)
      return lines().map(line => line.slice(-3))
    },
    text: () => text
  }
}

const headOf = ({ node, ticket }: Session, method: string, path: string, extra = '', version = '1.1'): string =>
  `${method} ${new URL(node.url).pathname}${path} HTTP/${version}\r\nHost: x\r\nAuthorization: Bearer ${ticket}\r\n${extra}`
const get = (session: Session, extra = '', version = '1.1'): string => `${headOf(session, 'GET', '/messages/unread', extra, version)}\r\n`
function post (session: Session, to: string, title: string, extra = ''): string {
  const body = JSON.stringify({ to: { user: to }, title })
  return `${headOf(session, 'POST', '/messages', `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n${extra}`)}\r\n${body}`
}
const titlesOf = async (site: Deployment, user: string): Promise<string[]> => (await (await assign(site, user)).list('box=inbox')).map(({ title }) => title as string)

t.test('processes - connections', { skip }, async t => {
  const site = await startEmbedded(t, { settings })
  const sessions = await assignBoth(site, 'ann')
  const [here, there] = sessions

  await t.test('the process of the node has it after the first request, and keeps it', async t => {
    const holders = new Map<string, Set<number>>()
    for (const session of sessions) {
      const other = session === here ? there : here
      const holdersOfNode = new Set<number>()
      holders.set(session.node.id, holdersOfNode)
      for (let n = 0; n < 12; n++) {
        const client = await open(t, session.node)
        client.write(n % 2 === 0 ? get(session) : post(session, 'count', `${session.node.id} ${n}`))
        t.same(await client.answers(1), [n % 2 === 0 ? '200' : '201'])
        await until('one process has it', () => holdersOf(site, client.socket).length === 1)
        const [holder = 0] = holdersOf(site, client.socket)
        holdersOfNode.add(holder)
        // One for another node is forwarded, and moves nothing.
        client.write(get(other))
        t.same((await client.answers(2))[1], '200')
        client.write(get(session))
        t.same((await client.answers(3))[2], '200')
        t.same(holdersOf(site, client.socket), [holder])
        client.socket.destroy()
      }
      t.equal(holdersOfNode.size, 1, 'always the same')
    }
    t.equal(new Set([...holders.values()].flatMap(set => [...set])).size, 2, 'another one for the other node')
    t.same((await titlesOf(site, 'count')).sort(), sessions.flatMap(({ node }) => [1, 3, 5, 7, 9, 11].map(n => `${node.id} ${n}`)).sort())
  })

  await t.test('a body that comes later, in pieces and in chunks, and Expect: 100-continue', async t => {
    const titles: string[] = []
    for (const [at, session] of [...sessions, ...sessions, ...sessions].entries()) {
      const title = `in pieces ${at}`
      titles.push(title)
      const whole = post(session, 'pieces', title)
      const body = whole.slice(whole.indexOf('\r\n\r\n') + 4)
      const pieces = [whole.slice(0, 20), whole.slice(20, -body.length), body.slice(0, 5), body.slice(5)]
      const byLength = await open(t, session.node)
      for (const piece of pieces) {
        byLength.write(piece)
        await new Promise(resolve => setImmediate(resolve))
      }
      t.same(await byLength.answers(1), ['201'])

      const waiting = await open(t, session.node)
      titles.push(`${title} expected`)
      const expecting = post(session, 'pieces', `${title} expected`, 'Expect: 100-continue\r\n')
      const bodyAt = expecting.indexOf('\r\n\r\n') + 4
      waiting.write(expecting.slice(0, bodyAt))
      await until('it may go on', () => waiting.text().startsWith('HTTP/1.1 100 '))
      waiting.write(expecting.slice(bodyAt))
      t.same(await waiting.answers(2), ['100', '201'])

      const chunked = await open(t, session.node)
      titles.push(`${title} chunked`)
      const json = JSON.stringify({ to: { user: 'pieces' }, title: `${title} chunked` })
      chunked.write(`${headOf(session, 'POST', '/messages', 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n')}\r\n${json.length.toString(16)}\r\n${json}\r\n`)
      chunked.write('0\r\n\r\n')
      t.same(await chunked.answers(1), ['201'])
    }
    t.same((await titlesOf(site, 'pieces')).sort(), titles.sort())
  })

  await t.test('HTTP/1.0, Connection: close, and a client that has said all', async t => {
    for (const session of [...sessions, ...sessions]) {
      const old = await open(t, session.node)
      old.write(get(session, '', '1.0'))
      t.same(await old.answers(1), ['200'])
      const closing = await open(t, session.node)
      closing.write(get(session, 'Connection: close\r\n'))
      await once(closing.socket, 'end')
      t.match(closing.text(), /^HTTP\/1\.1 200/)
      // Node answers nobody who closes his half before, or not at all: then it must be as with one process.
      const half = await open(t, session.node)
      half.socket.end(get(session))
      await once(half.socket, 'end')
      t.ok((half.text().match(/HTTP\/1\.1/g) ?? []).length <= 1)
      const silent = await open(t, session.node)
      silent.socket.end()
      await once(silent.socket, 'end')
      t.equal(silent.text(), '')
    }
  })

  await t.test('requests in one go, or while it changes hands: each is done once or not at all, and answered in order', async t => {
    const done: string[] = []
    const sent: string[] = []
    for (let n = 0; n < 60; n++) {
      const session = sessions[n % 2]!
      const titles = [`${n} first`, `${n} second`, `${n} third`]
      sent.push(...titles)
      const client = await open(t, session.node)
      client.write(post(session, 'piped', titles[0]!))
      // In the same piece, in the next one, or a turn or more later.
      for (let turns = 0; turns < n % 4; turns++) await new Promise(resolve => setImmediate(resolve))
      client.write(post(session, 'piped', titles[1]!))
      for (let turns = 0; turns < n % 3; turns++) await new Promise(resolve => setImmediate(resolve))
      client.write(post(session, 'piped', titles[2]!))
      const statuses = await client.answers(3)
      t.ok(statuses.every(status => status === '201'), `${n}: ${statuses.join()}`)
      done.push(...titles.slice(0, statuses.length))
      client.socket.destroy()
    }
    const listed = await titlesOf(site, 'piped')
    t.equal(new Set(listed).size, listed.length, 'none twice')
    t.same(done.filter(title => !listed.includes(title)), [], 'what was answered is there')
    t.ok(done.length >= sent.length / 2, `${done.length} of ${sent.length}`)
  })

  await t.test('a process is killed while connections come to it: what was answered with 201 is there, once', async t => {
    const users = Array.from({ length: 8 }, (_, n) => `sender ${n}`)
    const answered: string[] = []
    let isOver = false
    let sent = 0
    const work = users.map(async (user, at) => {
      let session = await assign(site, user)
      while (!isOver) {
        // Each a few requests old: many are on their way at any time.
        const agent = new Agent({ keepAlive: true, maxSockets: 1 })
        for (let n = 0; n < 3 && !isOver; n++) {
          const title = `killed ${at} ${sent++}`
          const status = await mail(agent, session, title)
          if (status === 201) answered.push(title)
          else session = await assign(site, user).catch(() => session)
        }
        agent.destroy()
      }
    })
    for (const round of [0, 1, 0]) {
      const before = answered.length
      await until('some are answered', () => answered.length > before + 40, 60_000)
      const backsBefore = backs(site)
      process.kill(workersOf(site)[round] ?? 0, 'SIGKILL')
      await until('it is back', () => backs(site) > backsBefore, 60_000)
    }
    isOver = true
    await Promise.all(work)
    const listed = await titlesOf(site, 'everything')
    t.equal(new Set(listed).size, listed.length, 'none twice')
    const there = new Set(listed)
    t.same(answered.filter(title => !there.has(title)), [], `of ${answered.length}`)
  })
})

/** The status; 0 where there was no answer. */
async function mail (agent: Agent, { node, ticket }: Session, title: string): Promise<number> {
  const body = JSON.stringify({ to: { user: 'everything' }, title })
  return await new Promise(resolve => {
    const outgoing = ask(`${node.url}/messages`, { agent, method: 'POST', headers: { authorization: `Bearer ${ticket}`, 'content-type': 'application/json', 'content-length': body.length } }, incoming => {
      incoming.resume().on('end', () => { resolve(incoming.statusCode ?? 0) }).on('error', () => { resolve(0) })
    })
    outgoing.on('error', () => { resolve(0) })
    outgoing.end(body)
  })
}
