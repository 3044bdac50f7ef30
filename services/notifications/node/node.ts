/**
 * One node without its network faces: what stores, counts and delivers, wired together. The way of a message:
 * routes/ or node/socket-events.ts → commands/post.ts → log/appender.ts → (stored) → commit.ts → realtime/hub.ts
 * → realtime/connection.ts, and by pushes.ts over dispatch to the other nodes, where it goes through commit.ts again.
 */
import type { Clock } from '../../../shared/contract/clock.js'
import { userStream, type NodeId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import { createAudit } from '../../../shared/platform/audit.js'
import type { AuthSettings, UserLimits } from '../../../shared/platform/settings/settings.js'
import type { Store } from '../../../shared/store/store.js'
import { createCompactForm, wholeForm, type EntryForm } from '../log/entry-form.js'
import { createHeads } from '../log/heads.js'
import { createTails } from '../log/tails.js'
import { createMailbox, type Mailbox } from '../mailbox/create-mailbox.js'
import { createUserViews } from '../mailbox/state/user-views.js'
import { createUnreadCounter } from '../mailbox/unread/unread.js'
import { createUserBudget } from '../mailbox/user-budget.js'
import type { ConnectionNode } from '../realtime/connection-node.js'
import { createRealtime, type Realtime } from '../realtime/create-realtime.js'
import { createAdmission } from './admission.js'
import { createJoinByTicket, type Entrance } from './entrance.js'
import { createPosting, type Posting } from './posting.js'
import { createNodeRevocations } from './revocations.js'
import { createSocketPlaces } from './socket-places.js'
import { createUseLink } from './used-links.js'
import { createStreams, type Streams, type StreamsOptions } from './streams.js'

export interface NotificationsNode {
  readonly nodeId: NodeId
  readonly entrance: Entrance
  readonly posting: Posting
  readonly mailbox: Mailbox
  readonly realtime: Realtime
  readonly streams: Streams
  /** What each connection takes of it. */
  readonly forConnections: ConnectionNode
  /** In which sockets have their entries, by the number that they ask for. */
  readonly forms: Readonly<Record<1 | 2, EntryForm>>
  readonly close: () => Promise<void>
}

export interface NotificationsNodeOptions extends Pick<StreamsOptions, 'nodeId' | 'store' | 'dispatch' | 'clock' | 'log' | 'appenderOf' | 'beforeStoring' | 'rules' | 'observeAppend'> {
  /** The ring's node for a stream. */
  readonly ownerOf: (stream: StreamId) => NodeId | undefined
  readonly secret: string
  readonly acceptSecrets?: readonly string[] | undefined
  readonly auth: AuthSettings
  /** No process of version 0.1 can take part. */
  readonly hasNoFormer?: boolean | undefined
  readonly retentionMs: number
  /** What its caches of the store take together; the default of GATEPOST_CACHE_MB, for a node that has a process to itself. */
  readonly cacheBytes?: number | undefined
  readonly userLimits: UserLimits
  readonly eventLoopLagMs: () => number
}

/**
 * By what tickets, users' tokens and messages end, in ms since 1970. Gate signs on another machine, and other nodes date messages. A
 * ticket is good if it is so by this node's clock or by the store's: neither a node that is wrong alone refuses it, nor one that
 * is wrong together with Gate. An embedded store has this process's clock.
 */
export const expiryTime = (store: Store, clock: Clock): () => number => isEmbedded(store) ? clock.now : clock.earliest
const isEmbedded = (store: Store): boolean => store.purgesByMs !== undefined

/** Of GATEPOST_CACHE_MB: the ends of streams, users' states and counts, and what groups' streams and that of all hold for counting. */
const cacheShares = { tails: 0.4, views: 0.4, shared: 0.2 }

export function createNode (options: NotificationsNodeOptions): NotificationsNode {
  const { nodeId, store, dispatch, clock, log, secret, acceptSecrets = [], auth, hasNoFormer = false, retentionMs, cacheBytes = 64 << 20, userLimits, eventLoopLagMs, ownerOf, rules } = options
  const expiryNow = expiryTime(store, clock)
  const audit = createAudit({ log, elapsed: clock.elapsed })
  const tails = createTails({ clock, maxBytes: cacheBytes * cacheShares.tails, ...rules !== undefined && { recentMs: rules.recentMs } })
  const heads = createHeads({ store, clock, tails })
  const views = createUserViews({ store, heads, clock, maxBytes: cacheBytes * cacheShares.views })
  const unread = createUnreadCounter({ store, views, heads, now: clock.now, maxBytes: cacheBytes * cacheShares.shared })

  const realtime = createRealtime({ store, clock, log, heads, views, unread, listen: dispatch.listen })
  const streams = createStreams({ ...options, tails, heads, views, unread, realtime })
  const { appender, forwarder: { append }, pushes } = streams
  const mailbox = createMailbox({
    store, clock, expiryNow, heads, views, unread, audit, retentionMs, auth, hasNoFormer, append,
    secrets: [secret, ...acceptSecrets],
    isOwn: stream => ownerOf(stream) === nodeId,
    refusalOf: appender.refusalOf,
    sendVolatile: pushes.volatile,
    sendToTopic: pushes.toTopic
  })

  const { users } = realtime
  const revocations = createNodeRevocations({
    store, heads, clock, log, append,
    onChange: ({ kind, name }) => {
      if (kind === 'user') closeRevoked(name as UserId)
      dispatch.announceNow() // Gates hear how far this node has read
    },
    onKnown: dispatch.announceNow
  })
  function closeRevoked (user: UserId): void {
    for (const connection of users.connectionsOf(user)) if (revocations.isRevoked('user', user, connection.token.issuedAt)) connection.end()
  }
  const admission = createAdmission({ nodeId, secret, acceptSecrets, auth, clock, tokenNow: expiryNow, isEmbedded: isEmbedded(store), revocations, audit, log })
  const counterOf = (user: UserId): NodeId | undefined => ownerOf(userStream(user))
  const budget = createUserBudget({ nodeId, perMinute: userLimits.perMinute, dispatch, ownerOf: counterOf, elapsed: clock.elapsed })
  const places = createSocketPlaces({ nodeId, maxSockets: userLimits.maxSockets, users, dispatch, ownerOf: counterOf, elapsed: clock.elapsed })

  return {
    nodeId, mailbox, realtime, streams,
    entrance: { verifyTicket: admission.verifyTicket, verifyTicketOnce: admission.verifyTicketOnce, admitAgain: admission.admitAgain, verifyToken: admission.verifyToken, revocations, budget, places, joinByTicket: createJoinByTicket(mailbox.groups), useLink: createUseLink({ store, clock }) },
    posting: createPosting({ post: mailbox.post, budget, limits: userLimits, eventLoopLagMs }),
    forConnections: { hub: realtime.hub, store, heads, reconciler: realtime.reconciler, views, clock, retryStoreWork: realtime.retryStoreWork, times: realtime.times },
    forms: { 1: wholeForm, 2: createCompactForm(retentionMs) },
    close: async () => {
      revocations.close()
      await streams.close()
      places.close()
      realtime.close()
      admission.close()
    }
  }
}
