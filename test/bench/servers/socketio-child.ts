/** Bare Socket.IO: every socket in a room of its user's name, and what a program written on it would do to push. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdapter } from '@socket.io/redis-adapter'
import { createClient } from 'redis'
import { Server } from 'socket.io'
import { barePayload, draft, entryLike, sharedNowMs, userName, type Draft } from '../message.js'
import { pushInTurns, pushPaced } from '../pushes.js'
import { serveParent } from '../serve-parent.js'

const httpServer = createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => { text += chunk })
  request.on('end', () => {
    const message = JSON.parse(text) as Draft | Draft[]
    if (Array.isArray(message)) for (const { to, data: { n, atMs } } of message) io.to((to as { user: string }).user).emit('mail', barePayload(n, atMs))
    else if (request.url === '/bare') io.emit('mail', barePayload(message.data.n, message.data.atMs))
    else io.emit('entries', [entryLike(message, 'all')])
    response.writeHead(Array.isArray(message) ? 207 : 201, { 'content-type': 'application/json' }).end('{}')
  })
})
const io = new Server({ serveClient: false, perMessageDeflate: false })
interface Push { readonly user: string, readonly event: 'entries' | 'mail', readonly payload: object }
let waiting: Push[] = []

function make (n: number, users: number, atMs: number, isBare: boolean): Push {
  const user = userName(n % users)
  return isBare ? { user, event: 'mail', payload: barePayload(n, atMs) } : { user, event: 'entries', payload: [entryLike(draft({ user }, n, atMs), `u:${user}`)] }
}
const push = ({ user, event, payload }: Push): void => { io.to(user).emit(event, payload) }

serveParent({
  start: async ({ redisUrl }: { redisUrl: string | undefined }) => {
    if (redisUrl !== undefined) {
      const publisher = createClient({ url: redisUrl })
      const subscriber = publisher.duplicate()
      await Promise.all([publisher.connect(), subscriber.connect()])
      io.adapter(createAdapter(publisher, subscriber))
    }
    io.on('connection', socket => { void socket.join(String(socket.handshake.auth['user'])) })
    io.attach(httpServer)
    await new Promise<void>(resolve => httpServer.listen(0, '127.0.0.1', resolve))
    return { url: `http://127.0.0.1:${(httpServer.address() as AddressInfo).port}` }
  },
  make: ({ users, count, isBare }: { users: number, count: number, isBare: boolean }) => { waiting = Array.from({ length: count }, (_, n) => make(n, users, 0, isBare)) },
  push: async ({ perTurn }: { perTurn: number }) => {
    await pushInTurns(waiting, perTurn, push)
    waiting = []
  },
  pushPaced: async ({ users, count, perSecond, isBare }: { users: number, count: number, perSecond: number, isBare: boolean }) => {
    await pushPaced(count, perSecond, n => { push(make(n, users, sharedNowMs(), isBare)) })
  }
})
