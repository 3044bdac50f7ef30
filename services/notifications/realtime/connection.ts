/**
 * One open socket of a user.
 *
 *   opening → live ⇄ behind → closed      (closed from anywhere)
 *
 * opening: the ticket is good, what the user sees is being loaded; live: every stream either stands at its head and
 * gets the live frames, or is being brought up from the store until it does; behind: the socket was too slow, nothing
 * is pushed until the client has synced.
 *
 * Backfill and cut-over. A connection first becomes a reader of the local stream, then reads from its cursor. When what
 * it was sent reaches the stream's head, it goes live in the same turn of the event loop: no entry falls between.
 *
 * What it takes part in follows the entries of the user's own stream (`join`, `leave`), the marks of leaves in the groups'
 * (log/leave-mark.ts), and now and then is compared with what the user sees (`place`).
 */
import { lives } from '../../../shared/contract/deadlines.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import { userStream, type GroupId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import type { LogDoc } from '../../../shared/store/store.js'
import { toMs } from '../../../shared/contract/clock.js'
import type { ConnectionNode, ConnectionOptions, Cursors, UserToken } from './connection-node.js'
import type { EntryForm } from '../log/entry-form.js'
import { leavesIn } from '../log/leave-mark.js'
import { recover } from '../mailbox/replay.js'
import { afterIn, visibleStreams } from '../mailbox/unread/unread.js'
import type { UserView } from '../mailbox/state/user-views.js'
import { entriesFrame, type Frame } from './transport/frame.js'
import type { LocalStream, StreamReader } from './hub.js'
import { readSyncPage, type SyncAnswer } from './sync-page.js'
import type { Transport } from './transport/transport.js'
import type { UserNotifier } from './unread-notifier.js'

const noTopics: ReadonlySet<string> = new Set()
const pageEntries = 200
const pageChars = 256 * 1024
const volatileBytes = 256 * 1024
const emptyReadPauseMs = 50

export class Connection implements StreamReader {
  readonly user: UserId
  /** In ms since 1970. */
  readonly ticketIssuedAt: number
  readonly form: EntryForm
  readonly countsItself: boolean
  /** By `clock.elapsed`. */
  readonly openedAt: number
  /** The user's newest one: the socket ends when it does. */
  token: UserToken
  /** By `clock.elapsed`: since when it is sent what comes. */
  liveSince = Infinity
  /** By `clock.elapsed`, when it was last asked to move. */
  reassignedAt = -Infinity
  /** Its user's, while it is among the users of the node. */
  turn: UserNotifier | undefined
  readonly #node: ConnectionNode
  /** Where the client stands, until it is started. */
  #cursors: Cursors | undefined
  /** While it is open its user's view stays in memory; after that, the last one serves. */
  #view: UserView | undefined
  readonly #transport: Transport
  /** The streams that it takes part in: how far it was brought up in each, undefined before that begins and once it is live. */
  readonly #sent = new Map<StreamId, number | undefined>()
  #topics: Set<string> | undefined
  #state: 'opening' | 'live' | 'behind' | 'closed' = 'opening'
  /** It counts by itself, and has missed or counted what its user's others have not. */
  #isOwedNumber = false

  constructor ({ node, transport, ticket, form, countsItself, cursors }: ConnectionOptions) {
    this.#node = node
    this.#cursors = cursors
    this.ticketIssuedAt = ticket.issuedAt
    this.form = form
    this.countsItself = countsItself
    this.user = ticket.user as UserId
    this.openedAt = node.clock.elapsed()
    this.token = { expiresAt: ticket.userTokenExpiresAt, issuedAt: ticket.userTokenIssuedAt, profile: ticket.profile }
    this.#transport = transport
  }

  /** Most sockets have none: the set is made with the first. */
  get topics (): ReadonlySet<string> { return this.#topics ?? noTopics }
  addTopic (topic: string): void { (this.#topics ??= new Set()).add(topic) }
  removeTopic (topic: string): void { this.#topics?.delete(topic) }

  get state (): 'opening' | 'live' | 'behind' | 'closed' { return this.#state }
  get waitingBytes (): number { return this.#transport.waitingBytes() }
  drained (): Promise<void> | undefined { return this.#transport.drained() }

  /** Takes part in a stream, not live yet: from here on nothing of it is missed. */
  open (stream: StreamId): LocalStream {
    if (this.#state === 'closed') throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'the connection was closed')
    if (!this.#sent.has(stream)) this.#sent.set(stream, undefined)
    return this.#node.hub.open(stream, this)
  }

  /**
   * Takes part in everything that the user sees; the view is no older than that. Where a group's head had to be read, a leave
   * may lie below it that this node has not heard of: so the memberships are read once more.
   */
  async openAll (): Promise<UserView> {
    const { views } = this.#node
    const own = this.open(userStream(this.user))
    for (;;) {
      await own.opened
      const view = await views.fresh(this.user)
      const opening = visibleStreams(view).map(({ stream }) => this.open(stream)).filter(({ state }) => state === 'opening')
      if (opening.length === 0 && view.head >= own.head) return view
      await Promise.all(opening.map(({ opened }) => opened))
    }
  }

  /** `first` is sent before any entry; then every stream goes on from its cursor. All streams must be open. */
  start (view: UserView, sendFirst: (heads: Record<string, number>) => void): void {
    if (this.#state !== 'opening') return
    const cursors = this.#cursors
    this.#cursors = undefined
    this.#view = view
    const visible = visibleStreams(view).map(({ stream, after }) => ({ stream, after, head: this.open(stream).head }))
    sendFirst(Object.fromEntries(visible.map(({ stream, head }) => [stream, head])))
    this.#state = 'live'
    this.liveSince = this.#node.clock.elapsed()
    const isNew = cursors === undefined || Object.keys(cursors).length === 0
    for (const { stream, after, head } of visible) {
      // A group joined this very moment is still opening, its head unknown: it counts from the joining.
      this.#follow(stream, Math.max(after, isNew ? head : ownCursor(cursors, stream)))
    }
    // Left while it opened.
    for (const [stream, cursor] of [...this.#sent]) if (cursor === undefined) this.leave(stream)
  }

  /** The user joined a group while the socket is open. */
  join (stream: StreamId, after: number): void {
    if (this.#state === 'opening' || this.#state === 'closed' || this.#sent.has(stream)) return
    // The change that says so is on its way in the user's own stream: it goes first.
    this.#node.hub.flush()
    this.open(stream)
    this.#follow(stream, after)
  }

  leave (stream: StreamId): void {
    this.#sent.delete(stream)
    this.#node.hub.leave(stream, this)
    this.#settleNumber()
  }

  /** Makes what it takes part in what the user sees, as of the last entry of the own stream that the socket was sent; true where something had to change. */
  place (view: UserView): boolean {
    if (this.#state === 'opening' || this.#state === 'closed') return false
    const visible = visibleStreams(view)
    const missing = visible.filter(({ stream }) => !this.#sent.has(stream))
    const over = [...this.#sent.keys()].filter(stream => !visible.some(seen => seen.stream === stream))
    for (const stream of over) this.leave(stream)
    for (const { stream, after } of missing) this.join(stream, after)
    return missing.length + over.length > 0
  }

  #follow (stream: StreamId, cursor: number): void {
    this.#sent.set(stream, cursor)
    void this.#node.retryStoreWork(async () => { await this.#catchUp(stream) }, () => this.#state === 'live' && this.#sent.get(stream) !== undefined)
  }

  /** Whether this mark is of a leave that has not arrived here in the user's own stream yet. */
  #isLeave (stream: StreamId, mark: LogDoc): boolean {
    const own = this.#node.hub.get(userStream(this.user))
    const leave = leavesIn(mark).find(({ token }) => token === own?.token)
    if (own === undefined || leave === undefined || own.head >= leave.seq) return false
    this.#node.views.noteLeave(own.id, stream.slice(2) as GroupId, leave.seq)
    void this.#node.reconciler.doubt([own])
    return true
  }

  /** Whether the stream has entries that this node has not heard of. They are read, and passed on before this reader goes live. */
  async #hasGrown (local: LocalStream): Promise<boolean> {
    const [head = 0] = await this.#node.heads.fresh([local.id])
    return this.#node.hub.reach(local, head) || local.state === 'filling'
  }

  async #catchUp (stream: StreamId): Promise<void> {
    const { hub, store, clock, times } = this.#node
    const local = hub.get(stream)
    if (local === undefined) return
    await local.opened
    for (;;) {
      const cursor = this.#sent.get(stream)
      if (this.#state !== 'live' || cursor === undefined || local.state === 'closed') return
      if (cursor > local.head && await this.#hasGrown(local)) { await new Promise(resolve => setTimeout(resolve, emptyReadPauseMs)); continue }
      if (this.#state !== 'live' || this.#sent.get(stream) !== cursor) continue
      if (cursor >= local.head) {
        // A cursor beyond all that is stored is none of this stream's: it counts as the head.
        this.#sent.set(stream, undefined)
        local.goLive(this)
        this.#settleNumber()
        return
      }
      await this.#transport.drained()
      const { state } = this.#node.views.peek(userStream(this.user)) ?? this.#view!
      const page = await recover({ store, now: clock.earliest, isLeave: mark => this.#isLeave(stream, mark), form: this.form }, state, stream, cursor, pageEntries, pageChars)
      if (this.#state !== 'live' || this.#sent.get(stream) !== cursor) return
      if (page.hasLeft) { this.leave(stream); return }
      const isEmpty = page.cursor === cursor
      if (isEmpty && clock.earliest() - toMs(local.head) <= lives.silentMs) {
        // Announced and not readable yet.
        await new Promise(resolve => setTimeout(resolve, emptyReadPauseMs))
        continue
      }
      // Of a stream that has been silent for a day, all is purged: what lay between is gone for good.
      const reached = isEmpty ? local.head : page.cursor
      const wires = isEmpty ? [this.form.gone(stream, cursor, reached)] : page.wires
      if (wires.length > 0 && !this.#transport.send(entriesFrame(this.form, { stream, prev: cursor, wires }))) { this.fallBehind(); return }
      if (page.wires.length > 0) times.written(stream, cursor, reached, 1, this.user)
      this.#isOwedNumber = this.countsItself
      this.#sent.set(stream, reached)
    }
  }

  get #isBroughtUp (): boolean { return [...this.#sent.values()].some(cursor => cursor !== undefined) }

  #settleNumber (): void {
    if (!this.#isOwedNumber || this.#isBroughtUp) return
    this.#isOwedNumber = false
    this.turn?.doubt()
  }

  deliver (frame: Frame): void {
    if (this.#state === 'live' && !this.#transport.send(frame, this.turn?.ride(this))) this.fallBehind()
  }

  /** May be dropped: for a socket that has enough waiting already. */
  deliverVolatile (frame: Frame): void {
    if (this.#state === 'live' && this.#transport.waitingBytes() < volatileBytes) this.#transport.send(frame)
  }

  /** A small frame that a later one replaces; false where too much waits. One that is not live, or counts by itself and is being brought up, gets a new one later. */
  deliverLatest (frame: Frame): boolean {
    if (this.#state !== 'live') return true
    if (!this.countsItself || !this.#isBroughtUp) return this.#transport.send(frame)
    this.#isOwedNumber = true
    return true
  }

  fallBehind (): void {
    if (this.#state !== 'live') return
    this.#state = 'behind'
    this.#isOwedNumber = this.countsItself
    for (const stream of this.#sent.keys()) this.#node.hub.get(stream)?.leaveLive(this)
    this.#transport.emit('behind', {})
  }

  /** One page of what lies after these cursors. The last page makes a socket that was behind live again, in all that `heads` names. */
  async sync (cursors: Cursors, limit: number): Promise<SyncAnswer> {
    const { store, heads, views, clock, times } = this.#node
    const wasBehind = this.#state === 'behind'
    const view = wasBehind ? await this.openAll() : await views.fresh(this.user)
    const isNew = Object.keys(cursors).length === 0
    const { bursts, heads: shownHeads, reached, more } = await readSyncPage({
      store,
      heads,
      now: clock.earliest,
      isLeave: (stream, mark) => this.#isLeave(stream, mark),
      form: this.form,
      noteRead: (stream, after, upTo) => { times.written(stream, after, upTo, 1, this.user) },
      // A group joined while the socket was behind counts from the joining.
      cursorOf: (stream, after, head) => isNew ? (wasBehind ? this.#sent.get(stream) : undefined) ?? head : Math.max(after, ownCursor(cursors, stream))
    }, view, limit)
    if (!more && wasBehind && this.#state === 'behind') {
      this.#state = 'live'
      this.liveSince = clock.elapsed()
      // After the answer is on its way, so that nothing overtakes it.
      setImmediate(() => { this.#resume(view, reached) })
    }
    return { ...this.form.page(bursts), heads: shownHeads, more }
  }

  /** Goes on in all that it takes part in by now: what was joined or left meanwhile is known. */
  #resume (view: UserView, reached: ReadonlyMap<StreamId, number>): void {
    for (const [stream, sent] of [...this.#sent]) {
      const cursor = reached.get(stream) ?? sent ?? afterIn(view, stream)
      if (cursor === undefined) this.leave(stream)
      else this.#follow(stream, cursor)
    }
  }

  /** Asks the client to move to another node within `delayMs`. */
  reassign (reason: 'draining' | 'moved', delayMs: number): void { this.#transport.emit('reassign', { reason, delayMs }) }

  /** Ends the socket; delivery ends with it. */
  end (): void { this.#transport.end() }

  /** Ends delivery; the socket itself is closed by whoever calls. */
  close (): void {
    this.#state = 'closed'
    for (const stream of this.#sent.keys()) this.#node.hub.leave(stream, this)
    this.#sent.clear()
  }
}

const ownCursor = (cursors: Cursors, stream: StreamId): number => Object.hasOwn(cursors, stream) ? cursors[stream]! : 0
