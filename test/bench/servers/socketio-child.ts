/** Bare Socket.IO: every socket in a room of its user's name, and what a program written on it would do to push. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdapter } from '@socket.io/redis-adapter'
import { createClient } from 'redis'
import { Server } from 'socket.io'
import { draft, entryLike, sharedNowMs, userName, type Draft } from '../message.js'
import { pushInTurns, pushPaced } from '../pushes.js'
import { serveParent } from '../serve-parent.js'

const httpServer = createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => { text += chunk })
  request.on('end', () => {
    io.emit('entries', [entryLike(JSON.parse(text) as Draft, 'all')])
    response.writeHead(201, { 'content-type': 'application/json' }).end('{}')
  })
})
const io = new Server({ serveClient: false, perMessageDeflate: false })
let waiting: Array<{ user: string, entry: object }> = []

function make (n: number, users: number, atMs: number): { user: string, entry: object } {
  const user = userName(n % users)
  return { user, entry: entryLike(draft({ user }, n, atMs), `u:${user}`) }
}
const push = ({ user, entry }: { user: string, entry: object }): void => { io.to(user).emit('entries', [entry]) }

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
  make: ({ users, count }: { users: number, count: number }) => { waiting = Array.from({ length: count }, (_, n) => make(n, users, 0)) },
  push: async ({ perTurn }: { perTurn: number }) => {
    await pushInTurns(waiting, perTurn, push)
    waiting = []
  },
  pushPaced: async ({ users, count, perSecond }: { users: number, count: number, perSecond: number }) => {
    await pushPaced(count, perSecond, n => { push(make(n, users, sharedNowMs())) })
  }
})
