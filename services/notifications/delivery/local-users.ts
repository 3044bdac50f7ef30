/**
 * The users with sockets on this node: who is here, what a join or leave means for their sockets, and their `unread`
 * events: when a number changed, at most 4 a second for each, the last one always.
 */
import type { Log } from '../../../shared/log.js'
import { allStream, groupStream, type StreamId, type UserId } from '../../../shared/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { parseChange } from '../stream/change.js'
import type { UnreadCounter } from '../state/unread.js'
import type { UserViews } from '../state/user-views.js'
import { eventFrame, type Frame } from './frame.js'
import type { Hub, LocalStream } from './hub.js'
import { Session } from './session.js'

export interface LocalUsers {
  add: (session: Session) => void
  remove: (session: Session) => void
  sessionsOf: (user: UserId) => readonly Session[]
  /** What the user was last told, so that only a change is told. */
  told: (user: UserId, unreadJson: string) => void
  /** Something that may change the user's counts. */
  touch: (user: UserId) => void
  /** The hub passed an entry on. */
  accept: (stream: LocalStream, doc: EntryDoc) => void
  readonly users: number
  readonly sessions: () => IterableIterator<Session>
  readonly sessionCount: number
  close: () => void
}

interface LocalUser {
  readonly user: UserId
  readonly sessions: Set<Session>
  readonly unpin: () => void
  lastUnread: string | undefined
  nextExpiryMs: number
  /** It waits to be told, or was told just now: not again before `restsUntil`, and then if it was touched. */
  hasTurn: boolean
  isTouched: boolean
  /** `performance.now()` */
  restsUntil: number
}

export interface LocalUsersOptions {
  readonly hub: () => Hub
  readonly views: UserViews
  readonly unread: UnreadCounter
  readonly now: () => number
  readonly log: Log
}

/** How long a number waits for others of the same user, and how long one that was told rests. */
const soonMs = 25
const restMs = 250
/** Numbers are told for so long at a time; a pause so many times as long follows, so that entries go first. */
const sliceMs = 2
const pausePerSlice = 9
const usersPerSlice = 200
const expiryRoundMs = 1_000

export function createLocalUsers ({ hub, views, unread, now, log }: LocalUsersOptions): LocalUsers {
  const byUser = new Map<UserId, LocalUser>()
  const sessions = new Set<Session>()
  /** In the order in which their turn comes. */
  let waiting: LocalUser[] = []
  let resting: LocalUser[] = []
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  const expiryTimer = setInterval(touchExpired, expiryRoundMs)
  expiryTimer.unref()

  function touch (user: UserId): void {
    const local = byUser.get(user)
    if (local !== undefined) touchLocal(local)
  }

  function touchLocal (local: LocalUser): void {
    local.isTouched = true
    if (local.hasTurn) return
    local.hasTurn = true
    waiting.push(local)
    schedule(soonMs)
  }

  function schedule (ms: number): void {
    if (timer === undefined && !isClosed) timer = setTimeout(() => { void takeTurns() }, ms)
  }

  /** Tells some of those who wait; each at most four times a second, and all of them spread over time. */
  async function takeTurns (): Promise<void> {
    const begun = performance.now()
    endRests(begun)
    const frames = new Map<string, Frame>()
    const told: Array<Promise<void>> = []
    let count = 0
    while (count < waiting.length && count < usersPerSlice && (count % 8 > 0 || performance.now() - begun < sliceMs)) {
      const local = waiting[count++]!
      local.isTouched = false
      local.restsUntil = begun + restMs
      resting.push(local)
      told.push(tell(local, frames))
    }
    waiting = waiting.slice(count)
    const tookMs = performance.now() - begun
    await Promise.all(told) // where something must be read
    timer = undefined
    if (waiting.length > 0) schedule(Math.max(1, tookMs * pausePerSlice))
    else if (resting.length > 0) schedule(soonMs)
  }

  function endRests (at: number): void {
    let count = 0
    for (; count < resting.length && resting[count]!.restsUntil <= at; count++) {
      const local = resting[count]!
      local.hasTurn = false
      if (local.isTouched) touchLocal(local)
    }
    if (count > 0) resting = resting.slice(count)
  }

  async function tell (local: LocalUser, frames: Map<string, Frame>): Promise<void> {
    if (local.sessions.size === 0) return
    try {
      const own = hub().get(`u:${local.user}` as StreamId)
      let view = views.peek(local.user)
      if (view === undefined || (own !== undefined && view.head < own.head)) view = await views.fresh(local.user)
      const counting = unread.count(view, stream => hub().get(stream)?.head ?? 0)
      const counted = counting instanceof Promise ? await counting : counting
      local.nextExpiryMs = counted.nextExpiryMs
      const json = JSON.stringify(counted.unread)
      if (json === local.lastUnread) return
      let frame = frames.get(json)
      if (frame === undefined) frames.set(json, frame = eventFrame('unread', json))
      let isTold = true
      for (const session of local.sessions) isTold = session.deliverLatest(frame) && isTold
      local.lastUnread = isTold ? json : undefined
    } catch (error) {
      log.warn({ err: error, user: local.user }, 'unread messages could not be counted')
      if (!isClosed) touchLocal(local)
    }
  }

  function touchExpired (): void {
    for (const stream of unread.expire()) touchReaders(stream)
    const at = now()
    for (const local of byUser.values()) if (local.nextExpiryMs <= at) touchLocal(local)
  }

  function touchReaders (stream: StreamId): void {
    for (const reader of hub().get(stream)?.readers ?? []) if (reader instanceof Session) touch(reader.user)
  }

  function acceptOwn (stream: LocalStream, doc: EntryDoc): void {
    const user = stream.id.slice(2) as UserId
    if (doc.kind === 'change') {
      const change = parseChange(doc)
      if (change.type === 'membership') {
        const group = groupStream(change.group)
        for (const session of [...byUser.get(user)?.sessions ?? []]) {
          if (change.joined) session.join(group, change.after ?? 0)
          else session.leave(group)
        }
      }
    }
    touch(user)
  }

  return {
    add: session => {
      const { user } = session
      let local = byUser.get(user)
      if (local === undefined) byUser.set(user, local = { user, sessions: new Set(), unpin: views.pin(user), lastUnread: undefined, nextExpiryMs: Infinity, hasTurn: false, isTouched: false, restsUntil: 0 })
      local.sessions.add(session)
      sessions.add(session)
    },
    remove: session => {
      const local = byUser.get(session.user)
      if (local?.sessions.delete(session) !== true) return
      sessions.delete(session)
      if (local.sessions.size > 0) return
      byUser.delete(session.user)
      local.unpin()
    },
    sessionsOf: user => [...byUser.get(user)?.sessions ?? []],
    told: (user, unreadJson) => {
      const local = byUser.get(user)
      if (local !== undefined) local.lastUnread ??= unreadJson
      touch(user)
    },
    touch,
    accept: (stream, doc) => {
      if (stream.id.startsWith('u:')) {
        views.accept(stream.id, doc)
        acceptOwn(stream, doc)
        return
      }
      if (stream.id === allStream || stream.id.startsWith('g:')) {
        unread.accept(stream.id, doc)
        touchReaders(stream.id)
      }
    },
    get users () { return byUser.size },
    sessions: () => sessions.values(),
    get sessionCount () { return sessions.size },
    close: () => {
      isClosed = true
      clearTimeout(timer)
      clearInterval(expiryTimer)
    }
  }
}
