/**
 * What the leading tab relays, in its order: each message of a term has a number, and one that does not follow the last shows that
 * messages were lost, and with them perhaps the answer to a request.
 */
import type { ConnectionOptions } from '../connection.js'
import type { Link } from '../link.js'
import type { Cursors } from '../protocol.js'
import { createLeaderLink, type LeaderLink } from './leader-link.js'
import type { FollowerMessage, LeaderMessage } from './messages.js'

export type RelayedMessage = Extract<LeaderMessage, { type: 'entries' | 'unread' | 'behind' | 'answer' | 'alive' }>
type ReadyMessage = Extract<LeaderMessage, { type: 'ready' }>

export interface RelayedStream {
  link (): Link | undefined
  /** A new link: what is relayed from now on is its. */
  adopt (message: ReadyMessage): void
  /** Whether this "ready" says nothing new: to begin again would end the requests that are under way. */
  has (message: ReadyMessage): boolean
  /** False where messages before this one are missing. */
  take (message: RelayedMessage): boolean
  drop (reason: string): void
}

export interface RelayedStreamOptions extends Pick<ConnectionOptions, 'cursors' | 'onReady' | 'events' | 'requestTimeoutMs'> {
  tab: string
  post: (message: FollowerMessage) => void
  onLive: () => void
}

export function createRelayedStream ({ tab, post, cursors, onReady, onLive, events, requestTimeoutMs }: RelayedStreamOptions): RelayedStream {
  let current: LeaderLink | undefined
  let count = 0
  let requests = 0

  const nextId = (): number => { requests += 1; return requests }

  return {
    link: () => current?.isOpen === true ? current : undefined,
    adopt ({ ready, position, n, isMove }) {
      const had = cursors()
      const before = current
      const link = createLeaderLink({ tab, ready, nextId, post, requestTimeoutMs })
      current = link
      count = n
      onReady(link, ready, isMove && before?.isOpen === true)
      onLive()
      before?.end('another link')
      if (had !== undefined && current === link && isBehind(had, position, ready.heads)) events.onBehind(link)
    },
    has: ({ n }) => current?.isOpen === true && n === count,
    take (message) {
      if (message.type === 'answer') {
        current?.settle(message.id, message.answer, message.error)
        return true
      }
      if (message.type === 'alive') return current !== undefined && message.n === count
      if (current === undefined) return true
      if (message.n !== count + 1) return false
      count = message.n
      if (message.type === 'entries') events.onEntries(current, message.entries)
      else if (message.type === 'unread') events.onUnread(current, message.count)
      else events.onBehind(current)
      return true
    },
    drop (reason) {
      const before = current
      current = undefined
      before?.end(reason)
    }
  }
}

/** Whether the relay begins after the place where this reader stands. */
function isBehind (had: Cursors, position: Cursors, heads: Cursors): boolean {
  return Object.entries(heads).some(([stream, head]) => (had[stream] ?? 0) < (position[stream] ?? head))
}
