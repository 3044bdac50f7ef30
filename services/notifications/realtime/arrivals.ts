/**
 * What an entry that the hub passes on means for the users with sockets on this node: their sockets join and leave streams, and
 * their unread numbers have changed.
 */
import { allStream, groupStream, type GroupId, type StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc, LogDoc, MessageDoc } from '../../../shared/store/store.js'
import { forgotten, parseChange, type StoredChange } from '../log/change.js'
import { leavesIn } from '../log/leave-mark.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { UnreadCounter } from '../mailbox/unread/unread.js'
import { Connection } from './connection.js'
import type { ConnectedUser, ConnectionsByUser } from './connections-by-user.js'
import type { Hub, LocalStream } from './hub.js'
import type { UnreadNotifier, UserNotifier } from './unread-notifier.js'

export interface Arrivals {
  /** `isShown`: readers are sent it as it is. */
  accept: (stream: LocalStream, doc: EntryDoc, isShown: boolean) => void
  /** Something may have changed the numbers of all who read this stream here. */
  touchReaders: (stream: StreamId) => void
}

export interface ArrivalsOptions {
  readonly hub: Pick<Hub, 'get' | 'byToken'>
  readonly views: Pick<UserViews, 'accept' | 'noteLeave'>
  readonly unread: Pick<UnreadCounter, 'accept'>
  readonly here: Pick<ConnectionsByUser, 'get'>
  readonly numbers: Pick<UnreadNotifier, 'touch' | 'arrived'>
  /** Looks whether a stream has grown unnoticed. */
  readonly lookAt: (stream: LocalStream) => void
}

export function createArrivals ({ hub, views, unread, here, numbers, lookAt }: ArrivalsOptions): Arrivals {
  /** How many entries were passed on. */
  let passes = 0

  function touchReaders (stream: StreamId): void {
    for (const reader of hub.get(stream)?.readers ?? []) if (reader instanceof Connection && reader.turn !== undefined) numbers.touch(reader.turn)
  }

  function acceptOwn (own: StreamId, doc: EntryDoc, isShown: boolean): void {
    views.accept(own, doc)
    const local = here.get(own)
    if (local === undefined) return
    if (doc.kind === 'message') { arrive(local.notifier, doc, isShown); return }
    if (doc.kind === 'change') followMembership(local, parseChange(doc))
    numbers.touch(local.notifier)
  }

  function acceptShared (stream: LocalStream, doc: EntryDoc, isShown: boolean): void {
    unread.accept(stream.id, doc)
    if (doc.kind === 'log') acceptLeaves(stream.id, doc)
    else if (doc.kind === 'change') touchReaders(stream.id)
    else for (const reader of stream.readers) if (reader instanceof Connection && reader.turn !== undefined) arrive(reader.turn, doc, isShown)
  }

  /** What a client that counts by itself adds is in docs/protocol.md, "Counting along". */
  function arrive (number: UserNotifier, doc: MessageDoc, isShown: boolean): void {
    if (isShown && doc.boxes === 'inbox' && doc.recalled === 0 && doc.sender !== number.own) number.add(doc.category, passes)
    numbers.arrived(number)
  }

  /**
   * Who left this group stops getting it now, though the leave has not arrived here in the user's own stream yet. Where it has, the sockets
   * followed it, and those that take part again have joined again.
   */
  function acceptLeaves (stream: StreamId, mark: LogDoc): void {
    for (const { token, seq } of leavesIn(mark)) {
      const own = hub.byToken(token)
      const local = own === undefined ? undefined : here.get(own.id)
      if (own === undefined || local === undefined || own.head >= seq) continue
      views.noteLeave(own.id, stream.slice(2) as GroupId, seq)
      for (const connection of local.connections) connection.leave(stream)
      numbers.touch(local.notifier)
      lookAt(own)
    }
  }

  return {
    accept: (stream, doc, isShown) => {
      const { id } = stream
      passes++
      if (id.startsWith('u:')) acceptOwn(id, doc, isShown)
      else if (id === allStream || id.startsWith('g:')) acceptShared(stream, doc, isShown)
    },
    touchReaders
  }
}

/** The sockets take part in what their user joined, and in what was left no more. */
function followMembership ({ connections }: ConnectedUser, change: StoredChange): void {
  switch (change.type) {
    case 'membership': {
      const group = groupStream(change.group)
      for (const connection of [...connections]) {
        if (change.joined) connection.join(group, change.after ?? 0)
        else connection.leave(group)
      }
      return
    }
    case 'mark': case 'readTo': case 'recall': return // the connections get the entry, and their user's count
    default: forgotten(change)
  }
}
