/**
 * One node without its network faces: what stores, counts and delivers, wired together. The way of a message:
 * routes/ or node/socket-server.ts → commands/post.ts → log/appender.ts → (stored) → commit.ts → realtime/hub.ts
 * → realtime/connection.ts, and by pushes.ts over dispatch to the other nodes, where it goes through commit.ts again.
 */
import { createAudit } from '../../../shared/platform/audit.js'
import type { Clock } from '../../../shared/contract/clock.js'
import { deadlines } from '../../../shared/contract/deadlines.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { Ticket } from '../../../shared/platform/identity/ticket.js'
import { ownerRange } from '../../../shared/store/keys.js'
import type { Log } from '../../../shared/platform/log.js'
import type { NodeId, StreamId, UserId } from '../../../shared/contract/names.js'
import { noRules, type AuthSettings, type UserLimits } from '../../../shared/platform/settings/settings.js'
import type { Store } from '../../../shared/store/store.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import { createAdmission, type Admission } from './admission.js'
import { createCommit } from './commit.js'
import { createHub, type Hub } from '../realtime/hub.js'
import { createReconciler, type Reconciler } from '../realtime/reconciler.js'
import { createConnectedUsers, type ConnectedUsers } from '../realtime/connected-users.js'
import { createTopics, type Topics } from '../realtime/topics.js'
import { createIdempotencyRecords } from '../mailbox/commands/idempotency.js'
import { createGroups, type Groups } from '../mailbox/commands/groups.js'
import { createInboxPages, type InboxPages } from '../mailbox/queries/inbox-pages.js'
import { createMarks, type Marks } from '../mailbox/commands/marks.js'
import { createPost, type Outgoing, type Posted, type Sender } from '../mailbox/commands/post.js'
import { createPostByUser, type PostByUser } from '../mailbox/commands/post-by-user.js'
import { createRecall, type Recall } from '../mailbox/commands/recall.js'
import { createRetryStoreWork, type RetryStoreWork } from '../realtime/retry-store-work.js'
import { createPushes } from './pushes.js'
import { createNodeRevocations, type NodeRevocations } from './revocations.js'
import { createUnreadCounter, type UnreadCounter } from '../mailbox/unread/unread.js'
import { createUserViews, type UserViews } from '../mailbox/state/user-views.js'
import { createAppender, type Appender, type AppendRules } from '../log/appender.js'
import { createMessageFinder } from '../log/find-messages.js'
import { createForwarder, type Forwarder } from './forwarder.js'
import { createHeads, type Heads } from '../log/heads.js'
import { createSocketPlaces, type SocketPlaces } from './socket-places.js'
import { createTails } from '../log/tails.js'
import { createUserBudget, type UserBudget } from '../mailbox/user-budget.js'

export interface NodeCore {
  readonly nodeId: NodeId
  readonly store: Store
  readonly clock: Clock
  /** By what tickets, users' tokens and messages end, in ms since 1970. */
  readonly expiryNow: () => number
  readonly log: Log
  readonly heads: Heads
  readonly appender: Appender
  readonly forwarder: Forwarder
  readonly views: UserViews
  readonly hub: Hub
  readonly reconciler: Reconciler
  readonly retryStoreWork: RetryStoreWork
  readonly users: ConnectedUsers
  readonly topics: Topics
  readonly unread: UnreadCounter
  readonly pages: InboxPages
  readonly marks: Marks
  readonly groups: Groups
  readonly recall: Recall
  readonly budget: UserBudget
  readonly places: SocketPlaces
  readonly userLimits: UserLimits
  readonly revocations: NodeRevocations
  readonly verifyTicket: Admission['verifyTicket']
  readonly verifyToken: Admission['verifyToken']
  /** Makes the user a member of the groups that the ticket's token names; once for each ticket. Undefined where nothing is to be done. */
  readonly joinByTicket: (ticket: Ticket) => Promise<void> | undefined
  readonly postByUser: PostByUser
  readonly postAll: (sender: Sender, outgoing: readonly Outgoing[]) => Array<Promise<Posted>>
  /** Messages that came in by this node since its start. */
  readonly messageCount: () => number
  readonly close: () => Promise<void>
}

export interface NodeCoreOptions {
  readonly nodeId: NodeId
  readonly store: Store
  readonly dispatch: Dispatch
  readonly clock: Clock
  readonly log: Log
  readonly secret: string
  readonly acceptSecrets?: readonly string[] | undefined
  readonly auth: AuthSettings
  /** No process of version 0.1 can take part. */
  readonly hasNoFormer?: boolean | undefined
  readonly retentionMs: number
  readonly userLimits: UserLimits
  readonly eventLoopLagMs: () => number
  readonly observeAppend?: (seconds: number) => void
  /** The ring's node for a stream. */
  readonly ownerOf: (stream: StreamId) => NodeId | undefined
  /** Awaited before streams are appended to; see node/outage-log.ts. */
  readonly beforeStoring: (streams: readonly StreamId[]) => Promise<void> | undefined
  readonly rules?: AppendRules | undefined
}

/** A node whose timers are this late on average refuses new messages. */
const maxLagMs = 2_000

export function createNodeCore (options: NodeCoreOptions): NodeCore {
  const { nodeId, store, dispatch, clock, log, secret, acceptSecrets, auth, hasNoFormer = false, retentionMs, userLimits, eventLoopLagMs, observeAppend, ownerOf, beforeStoring, rules } = options
  const { now } = clock
  // Gate signs on another machine, and other nodes date messages. A ticket is good that is so by this node's clock or by the store's, so that neither a node that is
  // wrong alone refuses it, nor one that is wrong together with Gate. An embedded store has this process's clock.
  const isEmbedded = store.purgesByMs !== undefined
  const expiryNow = isEmbedded ? now : clock.earliest
  const audit = createAudit({ log, elapsed: clock.elapsed })
  const tails = createTails({ clock, ...rules !== undefined && { recentMs: rules.recentMs } })
  const heads = createHeads({ store, clock, tails })
  const views = createUserViews({ store, heads, clock })
  const unread = createUnreadCounter({ store, views, heads, now })
  const topics = createTopics()
  const retryStoreWork = createRetryStoreWork(log)
  const hub = createHub({ store, heads, now: clock.earliest, log, retryStoreWork })
  const reconciler = createReconciler({ hub, store, heads, retryStoreWork })
  const users = createConnectedUsers({ hub, views, unread, now, log, lookAt: stream => { void reconciler.doubt([stream]) } })
  hub.onEntry(users.accept)
  const commit = createCommit({ heads, hub, views, unread })
  const pushes = createPushes({ dispatch, hub, reconciler, topics, log })

  const appender = createAppender({
    store,
    clock,
    log,
    tails,
    beforeStoring,
    ...rules !== undefined && { rules },
    ...observeAppend !== undefined && { onDuration: observeAppend },
    onAppended: (stream, doc) => {
      commit(stream, doc)
      pushes.entry(stream, doc)
    },
    onUnknown: stream => {
      const timer = setTimeout(() => {
        const local = hub.get(stream)
        if (local !== undefined) void reconciler.doubt([local])
      }, deadlines.append.lookAgainMs)
      timer.unref()
    }
  })
  const shardOf = (stream: StreamId): string => store.shardOf?.('entries', ownerRange(stream).from) ?? ''
  const forwarder = createForwarder({ nodeId, dispatch, appender, ownerOf, shardOf, onStored: commit, log })
  const { append } = forwarder

  const stopListening = pushes.listen(commit)

  const post = createPost({
    clock,
    views,
    append,
    refusalOf: appender.refusalOf,
    retentionMs,
    areStoredTogether: (one, other) => store.isAtomic === true && ownerOf(one) === nodeId && ownerOf(other) === nodeId,
    claims: createIdempotencyRecords({ store, clock, secrets: [secret, ...acceptSecrets ?? []], isKeyed: hasNoFormer }),
    sendVolatile: pushes.volatile,
    sendToTopic: pushes.toTopic
  })

  const finder = createMessageFinder({ store })
  const marks = createMarks({ store, finder, clock, now: expiryNow, heads, views, unread, append, retentionMs })
  const groups = createGroups({ store, clock, heads, views, append, retentionMs, way: (auth.rules ?? noRules).groups, audit })
  const recall = createRecall({ store, finder, clock, now: expiryNow, views, append, retentionMs })
  const pages = createInboxPages({ store, heads, views, now })
  const revocations = createNodeRevocations({
    store,
    heads,
    clock,
    log,
    append,
    onChange: ({ kind, name }) => {
      if (kind === 'user') closeRevoked(name as UserId)
      dispatch.announceNow() // Gates hear how far this node has read
    }
  })
  const admission = createAdmission({ nodeId, secret, acceptSecrets, auth, clock, tokenNow: expiryNow, isEmbedded, revocations, audit, log })
  function closeRevoked (user: UserId): void {
    for (const connection of users.connectionsOf(user)) if (revocations.isRevoked('user', user, connection.tokenIssuedAt)) connection.socket.disconnect(true)
  }
  const joined = new WeakSet<Ticket>()
  const budget = createUserBudget({ nodeId, perMinute: userLimits.perMinute, dispatch, ownerOf, elapsed: clock.elapsed })
  const places = createSocketPlaces({ nodeId, maxSockets: userLimits.maxSockets, users, dispatch, ownerOf, elapsed: clock.elapsed })
  let messages = 0

  const postAll: NodeCore['postAll'] = (sender, outgoing) => {
    if (eventLoopLagMs() > maxLagMs) {
      return outgoing.map(() => Promise.reject(new GatepostError('GP_OVERLOADED', 'this node is overloaded; the message was not stored', { retryAfterSeconds: 2 })))
    }
    messages += outgoing.length
    return post.all(sender, outgoing)
  }

  return {
    nodeId, store, clock, expiryNow, log, heads, appender, forwarder, views, hub, reconciler, retryStoreWork, users, topics, unread, pages, marks, groups, recall, budget, places, userLimits, revocations, verifyTicket: admission.verifyTicket, verifyToken: admission.verifyToken, postAll,
    joinByTicket: ticket => {
      if (ticket.groups === undefined || joined.has(ticket)) return undefined
      const { user, groups: named, userTokenIssuedAt: issuedAt, userTokenAheadMs: aheadMs } = ticket
      return groups.takeToken(user as UserId, { groups: named, issuedAt, aheadMs }).then(() => { joined.add(ticket) })
    },
    postByUser: createPostByUser({ postAll, budget, limits: userLimits }),
    messageCount: () => messages,
    close: async () => {
      stopListening()
      revocations.close()
      await appender.settled()
      places.close()
      users.close()
      reconciler.close()
      hub.close()
      admission.close()
    }
  }
}
