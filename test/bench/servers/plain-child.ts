/**
 * What one would put together by hand: Fastify, fast-jwt, a JSON schema, one durable put into LMDB, a push by Socket.IO.
 * `GET /assign` checks a token that it has not seen and answers; `GET /assign-signed` signs a ticket, too.
 */
import type { AddressInfo } from 'node:net'
import { createSigner, createVerifier } from 'fast-jwt'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { open } from 'lmdb'
import { Server } from 'socket.io'
import { barePayload, secret, type Draft } from '../message.js'
import { serveParent } from '../serve-parent.js'

const schema = {
  body: {
    type: 'object',
    required: ['to'],
    additionalProperties: false,
    properties: {
      to: { type: 'object', required: ['user'], additionalProperties: false, properties: { user: { type: 'string', minLength: 1, maxLength: 128 } } },
      title: { type: 'string', maxLength: 256 },
      body: { type: 'string', maxLength: 65_536 },
      data: { type: 'object' }
    }
  }
}

serveParent({
  start: async ({ dir }: { dir: string }) => {
    const db = open({ path: dir })
    const app = fastify()
    const io = new Server(app.server, { serveClient: false, perMessageDeflate: false })
    io.on('connection', socket => { void socket.join(String(socket.handshake.auth['user'])) })
    const verifyCached = createVerifier({ key: secret, cache: 1_000 })
    const verify = createVerifier({ key: secret })
    const sign = createSigner({ key: secret })
    const bearer = (header: string | undefined): string => (header ?? '').slice('Bearer '.length)
    let count = 0
    const post = async (request: FastifyRequest, reply: FastifyReply, isBare: boolean): Promise<object> => {
      const { sub } = verifyCached(bearer(request.headers.authorization)) as { sub: string }
      const message = request.body as Draft & { to: { user: string } }
      const seq = ++count
      const entry = { id: `${Date.now().toString(36)}${seq}`, seq, from: { user: sub }, ...message, createdAt: new Date().toISOString() }
      await db.put([message.to.user, seq], entry)
      await db.flushed
      if (isBare) io.to(message.to.user).emit('mail', barePayload(message.data.n, message.data.atMs))
      else io.to(message.to.user).emit('entries', [entry])
      void reply.code(201)
      return { id: entry.id, createdAt: entry.createdAt }
    }
    app.post('/messages', { schema }, async (request, reply) => await post(request, reply, false))
    app.post('/messages-bare', { schema }, async (request, reply) => await post(request, reply, true))
    app.get('/assign', async request => {
      const { sub } = verify(bearer(request.headers.authorization)) as { sub: string }
      return { user: sub, node: { id: 'n1', url: 'http://127.0.0.1:9101' }, ticket: 'x'.repeat(260), expiresAt: new Date().toISOString() }
    })
    app.get('/assign-signed', async request => {
      const { sub, iat, exp } = verify(bearer(request.headers.authorization)) as { sub: string, iat: number, exp: number }
      const now = Math.floor(Date.now() / 1000)
      const ticket = sign({ aud: 'gatepost-ticket', sub, node: 'n1', iat: now, exp: now + 900, tokenExp: exp, tokenIat: iat })
      return { user: sub, node: { id: 'n1', url: 'http://127.0.0.1:9101' }, ticket, expiresAt: new Date().toISOString() }
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` }
  }
})
