/**
 * One node without its network faces: what stores, counts and delivers, wired together. The way of a message:
 * routes/ or delivery/socket-server.ts → mail/post.ts → stream/appender.ts → (stored) → `arrived` here → delivery/hub.ts
 * → delivery/session.ts, and over dispatch to the other nodes, where `arrived` is the way in.
 */
import { createAudit, isAudited } from '../../shared/audit.js'
import type { Clock } from '../../shared/clock.js'
import type { MessageDraft } from '../../shared/contract/message.js'
import { GatepostError, refusal } from '../../shared/errors.js'
import { createNewerFormLog } from '../../shared/form.js'
import type { Scope } from '../../shared/identity/claims.js'
import { createTicketVerifier, type Ticket } from '../../shared/identity/ticket.js'
import { createTokenVerifier, type TokenVerifier } from '../../shared/identity/verify.js'
import { ownerRange } from '../../shared/keys.js'
import type { Log } from '../../shared/log.js'
import { userStream, type NodeId, type StreamId, type UserId } from '../../shared/names.js'
import { noRules, type AuthSettings, type UserLimits } from '../../shared/settings/settings.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../shared/store/store.js'
import type { Dispatch } from '../dispatch/dispatch.js'
import { entriesFrame } from './delivery/frame.js'
import { createHub, type Hub, type LocalStream } from './delivery/hub.js'
import { createLook, type Look } from './delivery/look.js'
import { createLocalUsers, type LocalUsers } from './delivery/local-users.js'
import { createTopics, type Topics } from './delivery/topics.js'
import { Session } from './delivery/session.js'
import { createClaims } from './mail/claims.js'
import { createGroups, type Groups } from './mail/groups.js'
import { createInboxPages, type InboxPages } from './mail/inbox-page.js'
import { createMarks, type Marks } from './mail/marks.js'
import { createPost, type Outgoing, type Posted, type Sender } from './mail/post.js'
import { createRecall, type Recall } from './mail/recall.js'
import { createPersist, type Persist } from './persist.js'
import { createNodeRevocations, type NodeRevocations } from './revocations.js'
import { createUnreadCounter, type UnreadCounter } from './state/unread.js'
import { createUserViews, type UserViews } from './state/user-views.js'
import { createAppender, type Appender, type AppendRules } from './stream/appender.js'
import { decodeEntry, encodeEntry } from './stream/entry.js'
import { createMessageFinder } from './stream/find-messages.js'
import { createHandOver, type HandOver } from './stream/hand-over.js'
import { createHeads, type Heads } from './stream/heads.js'
import { createUserBudget, type UserBudget } from './user-budget.js'

export interface NodeCore {
  readonly nodeId: NodeId
  readonly store: Store
  readonly clock: Clock
  /** By what tickets and users' tokens end, in ms since 1970. */
  readonly tokenNow: () => number
  readonly log: Log
  readonly heads: Heads
  readonly appender: Appender
  readonly handOver: HandOver
  readonly views: UserViews
  readonly hub: Hub
  readonly look: Look
  readonly persist: Persist
  readonly users: LocalUsers
  readonly topics: Topics
  readonly unread: UnreadCounter
  readonly pages: InboxPages
  readonly marks: Marks
  readonly groups: Groups
  readonly recall: Recall
  readonly budget: UserBudget
  readonly userLimits: UserLimits
  readonly revocations: NodeRevocations
  readonly isDraining: () => boolean
  /** Throws GP_TOKEN_INVALID, GP_TICKET_WRONG_NODE, GP_TICKET_EXPIRED, GP_TOKEN_REVOKED. */
  readonly verifyTicket: (text: string) => Ticket
  readonly verifyToken: TokenVerifier['verify']
  /** Makes the user a member of the groups that the ticket's token names; once for each ticket. Undefined where nothing is to be done. */
  readonly joinByTicket: (ticket: Ticket) => Promise<void> | undefined
  /** Messages of a user, in order, each counted against the user's rate (GP_RATE_LIMIT). */
  readonly postByUser: (user: UserId, outgoing: readonly Outgoing[]) => Array<Promise<Posted>>
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
  readonly retentionMs: number
  readonly userLimits: UserLimits
  readonly isDraining: () => boolean
  readonly eventLoopLagMs: () => number
  readonly observeAppend?: (seconds: number) => void
  /** The ring's node for a stream. */
  readonly ownerOf: (stream: StreamId) => NodeId | undefined
  /** Awaited before streams are appended to; see node-log.ts. */
  readonly beforeStoring: (streams: readonly StreamId[]) => Promise<void> | undefined
  readonly rules?: AppendRules | undefined
}

/** How long after an append of unknown outcome its stream is looked at again. */
const lookAgainMs = 15_000
/** A node whose timers are this late on average refuses new messages. */
const maxLagMs = 2_000

const ofUsers: readonly Scope[] = ['user']

export function createNodeCore (options: NodeCoreOptions): NodeCore {
  const { nodeId, store, dispatch, clock, log, secret, acceptSecrets, auth, retentionMs, userLimits, isDraining, eventLoopLagMs, observeAppend, ownerOf, beforeStoring, rules } = options
  const { now } = clock
  // Gate signs on another machine. A ticket is good that is so by this node's clock or by the store's, so that neither a node that is
  // wrong alone refuses it, nor one that is wrong together with Gate. An embedded store has this process's clock.
  const isEmbedded = store.purgesByMs !== undefined
  const tokenNow = isEmbedded ? now : clock.earliest
  const audit = createAudit({ log, elapsed: clock.elapsed })
  const heads = createHeads({ store, clock })
  const views = createUserViews({ store, heads, clock })
  const unread = createUnreadCounter({ store, views, heads, now })
  const topics = createTopics()
  const persist = createPersist(log)
  const look = createLook({ hub: () => hub, store, heads, persist })
  const users: LocalUsers = createLocalUsers({ hub: () => hub, views, unread, now, log, lookAt: stream => { void look.doubt([stream]) } })
  const hub: Hub = createHub({ store, heads, now: clock.earliest, log, persist, onEntry: users.accept })

  /** An entry that is durable, from this node or another: everything in memory that it concerns takes note. */
  function arrived (stream: StreamId, doc: EntryDoc): void {
    heads.see(stream, doc)
    if (hub.get(stream) !== undefined) hub.accept(stream, doc)
    else if (stream.startsWith('u:')) views.accept(stream, doc)
    else unread.accept(stream, doc)
  }

  const appender = createAppender({
    store,
    clock,
    log,
    beforeStoring,
    ...rules !== undefined && { rules },
    ...observeAppend !== undefined && { onDuration: observeAppend },
    onAppended: (stream, doc) => {
      arrived(stream, doc)
      dispatch.broadcast(stream, () => encodeEntry(doc))
    },
    onUnknown: stream => {
      const timer = setTimeout(() => {
        const local = hub.get(stream)
        if (local !== undefined) void look.doubt([local])
      }, lookAgainMs)
      timer.unref()
    }
  })
  const placeOf = (stream: StreamId): string => store.placeOf?.('entries', ownerRange(stream).from) ?? ''
  const handOver = createHandOver({ nodeId, dispatch, appender, ownerOf, placeOf, onStored: arrived, log })
  const { append } = handOver

  const logNewerForm = createNewerFormLog(log)
  const firstCharacter = (payload: Uint8Array): string => String.fromCharCode(payload[0] ?? 0x20)
  const stopArrivals = dispatch.onArrival(hub.wants, ({ from, token, payload }) => {
    if (payload[0] === volatileMark) {
      deliverVolatile(readersNow(hub.byToken(token)), wireOf(payload))
      return
    }
    if (payload[0] !== entryMark) {
      logNewerForm(from, 'push', firstCharacter(payload))
      const local = hub.byToken(token)
      if (local !== undefined) void look.at([local])
      return
    }
    const doc = decodeEntry(payload)
    const { stream } = placeOfEntry(doc.key)
    appender.observe(stream, doc)
    arrived(stream, doc)
  })
  const stopTopics = dispatch.onTopic(({ from, topic, match, payload }) => {
    if (payload[0] !== volatileMark) {
      logNewerForm(from, 'volatile message', firstCharacter(payload))
      return
    }
    deliverVolatile(topics.match(topic, match), wireOf(payload))
  })

  function deliverVolatile (readers: Iterable<unknown>, wire: string): void {
    const frame = entriesFrame([wire])
    for (const reader of readers) if (reader instanceof Session) reader.deliverVolatile(frame)
  }

  /** A volatile entry lies in no chain that says who has left: one of a group goes only to whose own streams are known here to be up to date. */
  const knowsLeaves = (): boolean => dispatch.isWhole && !look.isInDoubt
  function * readersNow (local: LocalStream | undefined): Generator<unknown> {
    if (local === undefined) return
    const isGroup = local.id.startsWith('g:')
    if (isGroup && !knowsLeaves()) return
    for (const reader of local.readers) if (!isGroup || (reader instanceof Session && hub.get(userStream(reader.user))?.state === 'live')) yield reader
  }

  const requireLink = (isLinked = dispatch.isConnected): void => {
    if (!isLinked) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'this node has no link to the others, or had none until a moment ago; a volatile message would not reach everyone')
  }

  const post = createPost({
    clock,
    views,
    append,
    refusalOf: appender.refusalOf,
    retentionMs,
    areStoredTogether: (one, other) => store.isAtomic === true && ownerOf(one) === nodeId && ownerOf(other) === nodeId,
    claims: createClaims({ store, clock }),
    sendVolatile: (stream, wire) => {
      requireLink(stream.startsWith('g:') ? knowsLeaves() : dispatch.isConnected)
      dispatch.broadcastVolatile(stream, volatilePayload(wire))
      deliverVolatile(readersNow(hub.get(stream)), wire)
    },
    sendToTopic: (topic, match, wire) => {
      requireLink()
      dispatch.broadcastTopic(topic, match, volatilePayload(wire))
      deliverVolatile(topics.match(topic, match), wire)
    }
  })

  const finder = createMessageFinder({ store })
  const marks = createMarks({ finder, clock, heads, views, unread, append, retentionMs })
  const groups = createGroups({ store, clock, heads, views, append, retentionMs, way: (auth.rules ?? noRules).groups, audit })
  const recall = createRecall({ store, finder, clock, views, append, retentionMs })
  const pages = createInboxPages({ store, heads, views, now })
  const readTicket = createTicketVerifier({ secret, acceptSecrets, nodeId, now: tokenNow, latest: isEmbedded ? now : clock.latest })
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
  const verifyTicket: NodeCore['verifyTicket'] = text => {
    let ticket: Ticket | undefined
    try {
      ticket = readTicket(text)
      revocations.requireKnown()
      revocations.check(ofUsers, ticket.user, ticket.userTokenIssuedAt)
      return ticket
    } catch (error) {
      if (error instanceof GatepostError && isAudited(error.code)) audit.refused({ actor: ticket?.user, scope: 'user', action: 'ticket.use', target: nodeId, result: error.code })
      throw error
    }
  }
  const verifyToken: NodeCore['verifyToken'] = async token => {
    const identity = await tokens.verify(token)
    revocations.check(identity.scopes, identity.sub, identity.issuedAt)
    return identity
  }
  function closeRevoked (user: UserId): void {
    for (const session of users.sessionsOf(user)) if (revocations.isRevoked('user', user, session.tokenIssuedAt)) session.socket.disconnect(true)
  }
  const tokens = createTokenVerifier({ secret, acceptSecrets, auth, now: isEmbedded ? now : clock.byStore, elapsed: clock.elapsed, log })
  const joined = new WeakSet<Ticket>()
  const budget = createUserBudget({ nodeId, perMinute: userLimits.perMinute, dispatch, ownerOf, elapsed: clock.elapsed })
  let messages = 0

  const postAll: NodeCore['postAll'] = (sender, outgoing) => {
    if (eventLoopLagMs() > maxLagMs) {
      return outgoing.map(() => Promise.reject(new GatepostError('GP_OVERLOADED', 'this node has more to do than it can; nothing was stored', { retryAfterSeconds: 2 })))
    }
    messages += outgoing.length
    return post.all(sender, outgoing)
  }

  return {
    nodeId, store, clock, tokenNow, log, heads, appender, handOver, views, hub, look, persist, users, topics, unread, pages, marks, groups, recall, budget, userLimits, revocations, isDraining, verifyTicket, verifyToken, postAll,
    joinByTicket: ticket => {
      if (ticket.groups === undefined || joined.has(ticket)) return undefined
      const { user, groups: named, userTokenIssuedAt: issuedAt, userTokenAheadMs: aheadMs } = ticket
      return groups.takeToken(user as UserId, { groups: named, issuedAt, aheadMs }).then(() => { joined.add(ticket) })
    },
    postByUser: (user, outgoing) => {
      const refusals = outgoing.map(({ draft }) => refusalOf(draft, userLimits))
      const costs = outgoing.map(({ draft: { to } }, i) => refusals[i] === undefined ? receiversOfUser(to) : 0)
      const postTaken = (waits: readonly number[]): Array<Promise<Posted>> => {
        for (const [i, seconds] of waits.entries()) if (seconds > 0) refusals[i] ??= budget.refusal(costs[i]!, seconds)
        const posted = postAll(`u:${user}`, outgoing.filter((_, i) => refusals[i] === undefined))
        let next = 0
        return refusals.map(refused => refused === undefined ? posted[next++]! : Promise.reject(refused))
      }
      const waits = budget.takeEach(user, 'work', costs)
      if (Array.isArray(waits)) return postTaken(waits)
      const posted = waits.then(postTaken)
      return outgoing.map(async (_, i) => await (await posted)[i]!)
    },
    messageCount: () => messages,
    close: async () => {
      stopArrivals()
      stopTopics()
      revocations.close()
      await appender.settled()
      users.close()
      look.close()
      hub.close()
      tokens.close()
    }
  }
}

/** Why a user's message is one for a producer only; undefined where it is not. */
function refusalOf ({ to, ttlSeconds }: MessageDraft, { maxReceivers, maxTtlMs }: UserLimits): GatepostError | undefined {
  const receivers = receiversOfUser(to)
  if (receivers > maxReceivers) return refusal('to.users', `${receivers} receivers`, `at most ${maxReceivers} (GATEPOST_MAX_RECEIVERS)`)
  const maxTtlSeconds = Math.floor(maxTtlMs / 1000)
  if (ttlSeconds !== undefined && ttlSeconds > maxTtlSeconds) return refusal('ttl', ttlSeconds, `whole seconds, 1 to ${maxTtlSeconds} (GATEPOST_MAX_TTL)`)
  return undefined
}

/** Each once; a group is one. */
const receiversOfUser = (to: MessageDraft['to']): number => 'users' in to ? new Set(to.users).size : 1

/** The first byte of what is pushed says what it is, and in which form: one of a later form begins with another. */
const entryMark = 0x5b // '[', where the head of an entry begins
const volatileMark = 0x76 // 'v'
const volatilePayload = (wire: string): Buffer => Buffer.from(`v${wire}`)
const wireOf = (payload: Uint8Array): string => Buffer.from(payload.buffer, payload.byteOffset + 1, payload.byteLength - 1).toString('utf8')

/** What a sender is answered, over REST or a socket. */
export function answerPosted ({ id, createdAt, duplicate, isVolatile, copy }: Posted): { status: 200 | 201 | 202, body: object } {
  if (isVolatile) return { status: 202, body: { id, createdAt } }
  const place = copy === undefined ? {} : { stream: placeOfEntry(copy.key).stream, seq: copy.seq }
  return { status: duplicate ? 200 : 201, body: { id, ...place, createdAt, duplicate } }
}
