/** Requests that one process forwards to another (forwarding.ts), over a real Unix socket. */
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createForwarding } from '../../shared/platform/http/forwarding.js'
import { tempDir } from '../helpers/deployment.js'

interface Answer { readonly status: number | undefined, readonly connection: string | undefined, readonly body: string }

async function startPair (t: Test): Promise<{ service: Server, post: (body: string, connection: string, method?: string) => Promise<Answer> }> {
  const socketPath = join(await tempDir(t), 'service')
  const service = createServer((incoming, outgoing) => { incoming.pipe(outgoing) }).listen(socketPath)
  const forwarding = createForwarding({ socketPath, path: '/under', giveUpgrade: () => {} })
  forwarding.server.listen(0, '127.0.0.1')
  await Promise.all([once(service, 'listening'), once(forwarding.server, 'listening')])
  t.teardown(() => {
    forwarding.close()
    for (const server of [forwarding.server, service]) {
      server.closeAllConnections()
      server.close()
    }
  })
  const { port } = forwarding.server.address() as AddressInfo
  const post = async (body: string, connection: string, method = 'POST'): Promise<Answer> => await new Promise((resolve, reject) => {
    const outgoing = request({ agent: false, port, host: '127.0.0.1', method, path: '/x', headers: { connection, 'content-length': Buffer.byteLength(body) } }, incoming => {
      let text = ''
      incoming.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => { resolve({ status: incoming.statusCode, connection: incoming.headers.connection, body: text }) })
    })
    outgoing.on('error', reject).end(body)
  })
  return { service, post }
}

t.test('forwarding - clients that close their connections do not close those between the processes', async t => {
  const { service, post } = await startPair(t)
  let connections = 0
  service.on('connection', () => { connections++ })
  for (let n = 0; n < 50; n++) t.strictSame(await post(`body ${n}`, n % 5 === 4 ? 'keep-alive' : 'close'), { status: 200, connection: n % 5 === 4 ? 'keep-alive' : 'close', body: `body ${n}` })
  t.equal(connections, 1)
})

t.test('forwarding - a service that is gone: nothing was done; one that ends in the middle: nobody knows', async t => {
  const { service, post } = await startPair(t)
  service.removeAllListeners('request').on('request', incoming => { incoming.socket.destroy() })
  t.match(await post('x', 'close'), { status: 504, body: /GP_OUTCOME_UNKNOWN/ })
  t.match(await post('', 'close', 'GET'), { status: 401, body: /GP_TICKET_WRONG_NODE/ }, 'a read is never in doubt')
  t.match(await post('', 'close', 'HEAD'), { status: 401 })
  service.close()
  service.closeAllConnections()
  t.match(await post('x', 'close'), { status: 401, body: /GP_TICKET_WRONG_NODE/ })
})
