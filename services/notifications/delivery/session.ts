/**
 * One open socket of a user.
 *
 *   opening → live ⇄ behind → closed      (closed from anywhere)
 *
 * opening: the ticket is good, what the user sees is being loaded; live: every stream either stands at its head and
 * gets the live frames, or is being brought up from the store until it does; behind: the socket was too slow, nothing
 * is pushed until the client has synced.
 *
 * Backfill and cut-over. A session first becomes a reader of the local stream, then reads from its cursor. When what
 * it was sent reaches the stream's head, it goes live in the same turn of the event loop: no entry falls between.
 */
import type { Log } from '../../../shared/log.js'
import type { Socket } from 'socket.io'
import { userStream, type StreamId, type UserId } from '../../../shared/names.js'
import type { Store } from '../../../shared/store/store.js'
import type { Ticket } from '../../../shared/identity/verify.js'
import type { Heads } from '../stream/heads.js'
import { toMs } from '../../../shared/clock.js'
import { goneWire } from '../stream/entry.js'
import { recover } from '../stream/recovery.js'
import { visibleStreams } from '../state/unread.js'
import type { UserView, UserViews } from '../state/user-views.js'
import { entriesFrame, type Frame } from './frame.js'
import type { Hub, LocalStream, StreamReader } from './hub.js'
import { Outlet } from './outlet.js'
import type { UnreadTurn } from './unread-turns.js'

export interface SyncAnswer { readonly entries: unknown[], readonly heads: Record<string, number>, readonly more: boolean }

export type Cursors = Readonly<Record<string, number>>

/** What all sessions of a node share. */
export interface SessionNode {
  readonly hub: Hub
  readonly store: Store
  readonly heads: Heads
  readonly views: Pick<UserViews, 'peek'>
  readonly now: () => number
  readonly log: Log
}

export interface SessionOptions {
  readonly node: SessionNode
  readonly socket: Socket
  readonly ticket: Ticket
  /** Undefined: only new entries. */
  readonly cursors: Cursors | undefined
}

const noTopics: ReadonlySet<string> = new Set()
const pageEntries = 200
const pageChars = 256 * 1024
const syncChars = 512 * 1024
const volatileBytes = 256 * 1024
const emptyReadPauseMs = 50
/** No entry is purged sooner after its creation. */
const silentMs = 24 * 3_600_000

export class Session implements StreamReader {
  readonly user: UserId
  readonly socket: Socket
  readonly ticket: Ticket
  readonly openedAt: number
  /** Ms since 1970 at which the user's token ends and the socket with it. */
  expiresAt: number
  /** Ms since 1970 when it was last asked to move. */
  reassignedAt = 0
  /** Its user's, while it is among the users of the node. */
  turn: UnreadTurn | undefined
  readonly #node: SessionNode
  /** Where the client stands, until it is started. */
  #cursors: Cursors | undefined
  /** While it is open its user's view stays in memory; after that, the last one serves. */
  #view: UserView | undefined
  readonly #outlet: Outlet
  /** The streams that it takes part in: how far it was brought up in each, undefined before that begins and once it is live. */
  readonly #sent = new Map<StreamId, number | undefined>()
  #topics: Set<string> | undefined
  #state: 'opening' | 'live' | 'behind' | 'closed' = 'opening'

  constructor ({ node, socket, ticket, cursors }: SessionOptions) {
    this.#node = node
    this.#cursors = cursors
    this.socket = socket
    this.ticket = ticket
    this.user = ticket.user as UserId
    this.openedAt = node.now()
    this.expiresAt = ticket.userTokenExpiresAt
    this.#outlet = new Outlet(socket)
  }

  /** Most sockets have none: the set is made with the first. */
  get topics (): ReadonlySet<string> { return this.#topics ?? noTopics }
  addTopic (topic: string): void { (this.#topics ??= new Set()).add(topic) }
  removeTopic (topic: string): void { this.#topics?.delete(topic) }

  get state (): 'opening' | 'live' | 'behind' | 'closed' { return this.#state }
  get waitingBytes (): number { return this.#outlet.waitingBytes() }

  drained (): Promise<void> | undefined { return this.#outlet.drained() }

  /** Takes part in a stream while the session opens: from here on nothing of it is missed. */
  open (stream: StreamId): LocalStream {
    if (!this.#sent.has(stream)) this.#sent.set(stream, undefined)
    return this.#node.hub.open(stream, this)
  }

  /** `first` is sent before any entry; then every stream goes on from its cursor. All streams must be open. */
  start (view: UserView, sendFirst: (heads: Record<string, number>) => void): void {
    if (this.#state !== 'opening') return
    const { hub } = this.#node
    const cursors = this.#cursors
    this.#cursors = undefined
    this.#view = view
    hub.flush()
    const visible = visibleStreams(view).map(({ stream, after }) => ({ stream, after, head: (hub.get(stream) ?? this.open(stream)).head }))
    sendFirst(Object.fromEntries(visible.map(({ stream, head }) => [stream, head])))
    this.#state = 'live'
    const isNew = cursors === undefined || Object.keys(cursors).length === 0
    for (const { stream, after, head } of visible) {
      // A group joined this very moment is still opening, its head unknown: it counts from the joining.
      this.#follow(stream, Math.max(after, isNew ? head : ownCursor(cursors, stream)))
    }
  }

  /** The user joined a group while the socket is open. */
  join (stream: StreamId, after: number): void {
    if (this.#state === 'opening' || this.#state === 'closed') return
    // The change that says so is on its way in the user's own stream: it goes first.
    this.#node.hub.flush()
    this.open(stream)
    this.#follow(stream, after)
  }

  leave (stream: StreamId): void {
    this.#sent.delete(stream)
    this.#node.hub.leave(stream, this)
  }

  #follow (stream: StreamId, cursor: number): void {
    this.#sent.set(stream, cursor)
    void this.#catchUp(stream).catch((error: unknown) => {
      // The client has its cursors; a new socket finds what this one could not be given.
      this.#node.log.warn({ err: error, stream, user: this.user }, 'a socket could not be brought up to date')
      this.fallBehind()
    })
  }

  async #catchUp (stream: StreamId): Promise<void> {
    const { hub, store, now } = this.#node
    const local = hub.get(stream)
    if (local === undefined) return
    await local.opened
    for (;;) {
      const cursor = this.#sent.get(stream)
      if (this.#state !== 'live' || cursor === undefined || local.state === 'closed') return
      if (cursor > local.head && local.state === 'filling') { await new Promise(resolve => setTimeout(resolve, emptyReadPauseMs)); continue }
      if (cursor >= local.head) {
        // A cursor beyond the head is none of this stream's: it counts as the head.
        this.#sent.set(stream, undefined)
        local.goLive(this)
        return
      }
      await this.#outlet.drained()
      const { state } = this.#node.views.peek(userStream(this.user)) ?? this.#view!
      const page = await recover({ store, now }, state, stream, cursor, pageEntries, pageChars)
      if (this.#state !== 'live' || this.#sent.get(stream) !== cursor) return
      if (page.cursor === cursor) {
        // Announced and not readable yet; or, where the stream has been silent for a day, all of it purged.
        if (now() - toMs(local.head) > silentMs) this.#skip(stream, cursor, local.head)
        else await new Promise(resolve => setTimeout(resolve, emptyReadPauseMs))
        continue
      }
      if (page.wires.length > 0 && !this.#outlet.send(entriesFrame(page.wires))) { this.fallBehind(); return }
      this.#sent.set(stream, page.cursor)
    }
  }

  /** What lay between is gone for good. */
  #skip (stream: StreamId, from: number, to: number): void {
    if (this.#outlet.send(entriesFrame([goneWire(stream, from, to)]))) this.#sent.set(stream, to)
    else this.fallBehind()
  }

  deliver (frame: Frame): void {
    if (this.#state === 'live' && !this.#outlet.send(frame, this.turn?.ride(this))) this.fallBehind()
  }

  /** May be dropped: for a socket that has enough waiting already. */
  deliverVolatile (frame: Frame): void {
    if (this.#state === 'live' && this.#outlet.waitingBytes() < volatileBytes) this.#outlet.send(frame)
  }

  /** A small frame that a later one replaces. False where too much waits; who is not live is told anew when that ends. */
  deliverLatest (frame: Frame): boolean {
    return this.#state !== 'live' || this.#outlet.send(frame)
  }

  fallBehind (): void {
    if (this.#state !== 'live') return
    this.#state = 'behind'
    for (const stream of this.#sent.keys()) this.#node.hub.get(stream)?.leaveLive(this)
    this.socket.emit('behind', {})
  }

  /** One page of what lies after these cursors. The last page makes a socket that was behind live again. */
  async sync (view: UserView, cursors: Cursors, limit: number): Promise<SyncAnswer> {
    const { store, heads, now } = this.#node
    const visible = visibleStreams(view)
    const found = await heads.fresh(visible.map(({ stream }) => stream))
    const isNew = Object.keys(cursors).length === 0
    const wires: string[] = []
    const reached = new Map<StreamId, number>()
    let chars = 0
    let more = false
    for (const [i, { stream, after }] of visible.entries()) {
      const head = found[i]!
      let cursor = isNew ? head : Math.max(after, ownCursor(cursors, stream))
      while (cursor < head) {
        if (wires.length >= limit || chars > syncChars) { more = true; break }
        const page = await recover({ store, now }, view.state, stream, cursor, limit - wires.length, syncChars - chars)
        if (page.cursor === cursor) break
        wires.push(...page.wires)
        chars += page.chars
        cursor = page.cursor
      }
      reached.set(stream, cursor)
    }
    const entries = JSON.parse(`[${wires.join(',')}]`) as unknown[]
    const answer = { entries, heads: Object.fromEntries(visible.map(({ stream }, i) => [stream, found[i]!])), more }
    if (!more && this.#state === 'behind') {
      this.#state = 'live'
      // After the answer is on its way, so that nothing overtakes it.
      setImmediate(() => {
        for (const [stream, cursor] of reached) if (this.#node.hub.get(stream)?.readers.has(this) === true) this.#follow(stream, cursor)
      })
    }
    return answer
  }

  /** Ends delivery; the socket itself is closed by whoever calls. */
  close (): void {
    this.#state = 'closed'
    for (const stream of this.#sent.keys()) this.#node.hub.leave(stream, this)
    this.#sent.clear()
  }
}

const ownCursor = (cursors: Cursors, stream: StreamId): number => Object.hasOwn(cursors, stream) ? cursors[stream]! : 0
