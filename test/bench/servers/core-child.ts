/**
 * A node without REST and without appends: its dispatch, its hub, its sockets. Pushes what would be stored already, made
 * before the clock starts: to sockets of its own, or to the other nodes.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createDispatch } from '../../../services/dispatch/create-dispatch.js'
import type { Dispatch } from '../../../services/dispatch/dispatch.js'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { createNatsBus } from '../../../services/dispatch/buses/nats-bus.js'
import { createSocketServer } from '../../../services/notifications/node/socket-server.js'
import { createNode, type NotificationsNode } from '../../../services/notifications/node/node.js'
import { encodeEntry } from '../../../services/notifications/log/entry.js'
import { createOrigins } from '../../../shared/platform/http/origins.js'
import { createClock, createMessageId } from '../../../shared/contract/clock.js'
import { entryKey } from '../../../shared/store/keys.js'
import { createLog } from '../../../shared/platform/log.js'
import { userStream, type NodeId, type StreamId } from '../../../shared/contract/names.js'
import type { MessageDoc } from '../../../shared/store/store.js'
import { openLmdbStore } from '../../../shared/store/lmdb-store.js'
import { draft, secret, sharedNowMs, storedText, userName } from '../message.js'
import { pushInTurns, pushPaced } from '../pushes.js'
import { serveParent } from '../serve-parent.js'

const clock = createClock()
let arrived = 0
let node: NotificationsNode
let dispatch: Dispatch
const heads = new Map<StreamId, number>()
let waiting: Array<{ stream: StreamId, doc: MessageDoc }> = []

function makeEntry (user: string, n: number, atMs: number): { stream: StreamId, doc: MessageDoc } {
  const stream = userStream(user)
  const prev = heads.get(stream) ?? 0
  const seq = clock.tick()
  heads.set(stream, seq)
  const expiresAt = clock.now() + 30 * 86_400_000
  const text = storedText(draft({ user }, n, atMs), clock.now(), expiresAt)
  return { stream, doc: { kind: 'message', key: entryKey(stream, prev), v: 0, purgeAt: expiresAt, seq, id: createMessageId(seq, stream), expiresAt, sender: 'p:shop', category: 'general', boxes: 'inbox', recalled: 0, text } }
}

/** What a node does with an entry of its own once it is durable. */
function pushHere ({ stream, doc }: { stream: StreamId, doc: MessageDoc }): void {
  node.forConnections.heads.see(stream, doc)
  node.realtime.hub.accept(stream, doc)
}

/** The same where the reader is elsewhere. */
function pushThere ({ stream, doc }: { stream: StreamId, doc: MessageDoc }): void {
  node.forConnections.heads.see(stream, doc)
  if (node.realtime.hub.get(stream) === undefined) node.mailbox.views.accept(stream, doc)
  dispatch.broadcast(stream, encodeEntry(doc), doc.seq)
}

serveParent({
  start: async ({ dir, nodeId, natsUrl, natsPrefix }: { dir: string, nodeId: string, natsUrl: string | undefined, natsPrefix: string }) => {
    const log = createLog({ level: 'warn', isPretty: false })
    const store = await openLmdbStore({ dir, log })
    const bus = natsUrl === undefined ? createInProcessBus().connect(nodeId) : createNatsBus({ url: natsUrl, name: nodeId, role: 'node', log })
    const httpServer = createServer()
    await new Promise<void>(resolve => httpServer.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(httpServer.address() as AddressInfo).port}`
    dispatch = createDispatch({
      bus,
      prefix: natsPrefix,
      secret,
      clock,
      log,
      self: { id: nodeId as NodeId, startedAt: clock.now() }
    })
    dispatch.join({ url, weight: 1, version: '0.0.0', state: () => 'up', load: () => ({ sockets: 0, users: 0, messagesPerSecond: 0, eventLoopLagMs: 0, rssBytes: 0, store: 'lmdb', dispatch: bus.kind }) })
    dispatch.onArrival(() => { arrived++; return false }, () => {})
    node = createNode({
      nodeId: nodeId as NodeId, store, dispatch, clock, log, secret, auth: { kind: 'secret', secret }, retentionMs: 30 * 86_400_000, userLimits: { perMinute: undefined, maxReceivers: 50, maxTtlMs: 30 * 86_400_000, maxSockets: 50 },
      eventLoopLagMs: () => 0, ownerOf: () => undefined, appenderOf: () => undefined, beforeStoring: () => undefined
    })
    createSocketServer({ node, isDraining: () => false, origins: createOrigins(['*']), httpServer, log, onRefusal: () => {} })
    while (!dispatch.hasConverged) await pause(20)
    return { url }
  },
  make: ({ users, count }: { users: number, count: number }) => { waiting = Array.from({ length: count }, (_, n) => makeEntry(userName(n % users), n, 0)) },
  push: async ({ perTurn, isRemote }: { perTurn: number, isRemote: boolean }) => {
    await pushInTurns(waiting, perTurn, isRemote ? pushThere : pushHere)
    waiting = []
  },
  pushPaced: async ({ users, count, perSecond }: { users: number, count: number, perSecond: number }) => {
    await pushPaced(count, perSecond, n => { pushThere(makeEntry(userName(n % users), n, sharedNowMs())) })
  },
  /** Broadcasts of entries that have been looked at, whoever they were for. */
  arrived: () => arrived
})
