import { connect } from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { startDeployment } from '../helpers/deployment.js'
import { assign, openSocket, producerOf, refused, request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const producer = producerOf(site)

t.test('errors - unknown routes, wrong methods, wrong media types keep their status and Fastify\'s body', async t => {
  const session = await assign(site, 'ada')
  for (const [base, token] of [[site.gate, producer.token], [session.node.url, session.ticket]] as const) {
    for (const path of ['/nothing', '/gate/nothing', '/messages/a/b/c', '/../etc/passwd', '/%2e%2e/etc/passwd', '/gate/admin/../../package.json', '//', '/gate//nodes', '/__proto__']) {
      for (const bearer of [token, undefined]) refused(t, await request(base, 'GET', path, { token: bearer }), 404, 'GP_NOT_FOUND', `GET ${path}`)
    }
  }
  for (const [call, method, path, allow] of [[producer.call, 'PUT', '/gate/messages', 'POST'], [producer.call, 'GET', '/gate/messages', 'POST'], [producer.call, 'PATCH', '/gate/assign', 'GET, HEAD'], [producer.call, 'DELETE', '/gate/nodes', 'GET, HEAD'], [session.call, 'PUT', '/messages/x', 'DELETE, GET, HEAD, PATCH']] as const) {
    const answer = await call(method, path)
    refused(t, answer, 405, 'GP_VALIDATION', `${method} ${path}`)
    t.equal(answer.headers.get('allow'), allow)
    t.match(answer.text, `takes ${allow}`)
  }
  const astray = await producer.call('POST', '/messages', { body: {} })
  refused(t, astray, 404, 'GP_NOT_FOUND', "a node's route at Gate")
  t.match(astray.text, /it is a node's/)
  const back = await session.call('GET', '/gate/assign')
  refused(t, back, 404, 'GP_NOT_FOUND', "Gate's route at a node")
  t.match(back.text, /it is Gate's/)
  const message = JSON.stringify({ to: { user: 'grace' }, title: 'x' })
  for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense']) {
    for (const send of [session.call, producer.call]) {
      const answer = await send('POST', send === producer.call ? '/gate/messages' : '/messages', { raw: message, headers: { 'content-type': type } })
      refused(t, answer, 415, 'GP_VALIDATION', type)
      t.match(answer.text, 'takes application/json')
    }
  }
  t.equal((await session.call('POST', '/messages', { raw: message, headers: { 'content-type': 'application/json; charset=utf-8' } })).status, 201, 'JSON with a charset')
  const invalid = await session.call('POST', '/messages', { raw: Buffer.from('7b22746f223a7b2275736572223a22ff22', 'hex') })
  refused(t, invalid, 400, 'GP_VALIDATION', 'bytes that are no UTF-8 and no JSON')
  t.equal(await (await assign(site, 'grace')).unread(), 1)
})

t.test('errors - a long path, a long header, a long query', async t => {
  const session = await assign(site, 'ada')
  for (const base of [site.gate, session.node.url]) {
    const long = await request(base, 'GET', `/messages/${'x'.repeat(10_000)}`, { token: session.ticket })
    t.ok(long.status >= 400 && long.status < 500, 'a path of 10,000', { status: long.status })
    const header = await request(base, 'GET', '/livez', { headers: { 'x-long': 'x'.repeat(60_000) } })
    t.equal(header.status, 431)
  }
})

/** Sends bytes as they are; what comes back until the other side closes, or within a second. */
async function rawTcp (base: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(base)
  return await new Promise(resolve => {
    let text = ''
    const socket = connect(Number(port), hostname, () => { socket.write(bytes) })
    const done = (): void => { socket.destroy(); resolve(text) }
    socket.setTimeout(1000, done)
    socket.on('data', chunk => { text += chunk.toString() })
    socket.on('close', done)
    socket.on('error', done)
  })
}

t.test('hostile - bytes that are no HTTP harm nobody', async t => {
  const session = await assign(site, 'ada')
  const bystander = await openSocket(t, session)
  for (const base of [site.gate, session.node.url]) {
    for (const bytes of ['nonsense\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', Buffer.from([0, 1, 2, 255, 254]), 'POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde',
      'POST /messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 'GET /messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \u0000\r\n\r\n', 'GET \u0000 HTTP/1.1\r\nhost: x\r\n\r\n', 'POST /messages HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n']) {
      const text = await rawTcp(base, bytes)
      t.notMatch(text, /\n\s+at /, 'no stack')
      if (text !== '') t.match(text, /^HTTP\/1\.1 4\d\d /)
    }
  }
  await producer.send({ to: { user: 'ada' }, title: 'fence' })
  await bystander.message('fence')
})

t.test('hostile - frames that are no Socket.IO harm nobody', async t => {
  const session = await assign(site, 'mallory')
  const bystander = await openSocket(t, session)
  const address = session.node.url.replace('http', 'ws') + '/socket.io/?EIO=4&transport=websocket'
  const opening = `40${JSON.stringify({ ticket: session.ticket })}`
  const frames: Array<string | Buffer> = [
    'x', '', '4', '49', '40', '40{', '40null', '40[]', '40"x"', '42', '42[]', '42{}', '42["send"]', '42["send",{"to":', '421["send"]', '42999999999999999999["send",{}]', '42-1["send",{}]',
    '42["__proto__",{}]', '42["constructor"]', '42[null]', '42[5,{}]', '42[["send"]]', '42["ready",{}]', '42["connect"]', '42["disconnect"]', '42["error"]', '43["ack"]', '431[]', '43999[{}]',
    '451-["send",{"_placeholder":true,"num":0}]', '4599999999-["send",{}]', '45-1-["x"]', '46', '461-0[]', '41', '44{"message":"x"}', '42/admin,["send",{}]', '40/admin,{}', '42["' + 'x'.repeat(5000) + '"]', '6', '1', '5', '2probe', '3',
    Buffer.from('binary'), Buffer.alloc(0), '42' + '['.repeat(20_000), `421["send",{"to":{"user":"mallory"},"data":${'['.repeat(5000)}${']'.repeat(5000)}}]`
  ]
  for (const isOpen of [true, false]) {
    for (const frame of frames) {
      const socket = new WebSocket(address)
      await new Promise((resolve, reject) => { socket.once('open', resolve); socket.once('error', reject) })
      const closed = new Promise<void>(resolve => { socket.once('close', () => { resolve() }) })
      if (isOpen) {
        const ready = new Promise<void>(resolve => { socket.on('message', data => { if ((data as Buffer).toString().startsWith('42["ready"')) resolve() }) })
        socket.send(opening)
        await ready
      }
      socket.on('error', () => {})
      socket.send(frame)
      // Answered or closed; a ping shows that the frame before it was read.
      const read = new Promise<void>(resolve => { socket.once('pong', () => { resolve() }) })
      if (socket.readyState === WebSocket.OPEN) socket.ping()
      await Promise.race([closed, read])
      socket.terminate()
    }
  }
  t.ok(site.isAlive())
  await producer.send({ to: { user: 'mallory' }, title: 'fence' })
  await bystander.message('fence')
  t.same(bystander.titles(), ['fence'])
  await until('only the bystander is left', async () => (await producer.call('GET', '/gate/users/mallory/presence')).body.sockets === 1)
})

t.test('hostile - a frame of many megabytes closes one socket at most', async t => {
  const session = await assign(site, 'heavy')
  const bystander = await openSocket(t, session)
  const device = await openSocket(t, session)
  device.socket.emit('send', { to: { user: 'heavy' }, body: 'x'.repeat(20_000_000) })
  await producer.send({ to: { user: 'heavy' }, title: 'fence' })
  await bystander.message('fence')
  t.same(bystander.titles(), ['fence'])
  t.equal(bystander.closed(), undefined)
})

t.test('hostile - polling requests of nobody', async t => {
  const { node } = await assign(site, 'ada')
  for (const query of ['EIO=4&transport=polling&sid=nonsense', 'EIO=9&transport=polling', 'EIO=4&transport=nonsense', 'transport=polling', 'EIO=4&transport=polling&sid=__proto__', 'EIO=4&transport=websocket']) {
    for (const method of ['GET', 'POST', 'PUT']) {
      const answer = await request(node.url, method, `/socket.io/?${query}`, method === 'GET' ? {} : { raw: 'x'.repeat(100), headers: { 'content-type': 'text/plain' } })
      t.ok((answer.status >= 400 && answer.status < 500) || (answer.status === 200 && method === 'GET'), `${method} ${query}`, { status: answer.status })
    }
  }
  t.equal((await request(node.url, 'GET', '/livez')).status, 200)
})

t.test('errors - nothing of all this is an error of the server', async t => {
  t.ok(site.isAlive())
  const worst = site.log().split('\n').filter(line => /"level":(?:50|60|"error"|"fatal")/.test(line))
  t.same(worst, [], 'no line of level error in the log')
})
