/**
 * The unread count of one socket whose node leaves the counting to its client (docs/protocol.md "Counting along"): what the node said last, and one
 * more for each unread message that came after it. The node counts along and says the number where it is another.
 */
import type { Entry, Ready, UnreadCount, VolatileMessage } from './protocol.js'

export interface UnreadTally {
  readonly count: UnreadCount
  set (count: UnreadCount): void
  /** Of an `entries` event; true where they made the number another. */
  take (entries: ReadonlyArray<Entry | VolatileMessage>): boolean
}

export function createUnreadTally ({ user, heads, ...ready }: Ready): UnreadTally {
  /** By stream: all up to here is in the count. */
  const countedTo = new Map(Object.entries(heads))
  let total = 0
  let byCategory = new Map<string, number>()

  function set (count: UnreadCount): void {
    total = count.unread
    byCategory = new Map(Object.entries(count.byCategory))
  }

  function isNewUnread (entry: Entry | VolatileMessage): boolean {
    if (entry.stream === undefined || entry.seq <= (countedTo.get(entry.stream) ?? 0)) return false
    countedTo.set(entry.stream, entry.seq)
    return entry.type === 'message' && !entry.boxes.includes('sent') && !entry.read && !entry.archived && !entry.recalled && !('user' in entry.from && entry.from.user === user)
  }

  set(ready)
  return {
    // A category may have any name: no assignment would do for `__proto__`.
    get count () { return { unread: total, byCategory: Object.fromEntries([...byCategory].sort(([a], [b]) => a < b ? -1 : 1)) } },
    set,
    take (entries) {
      const before = total
      for (const entry of entries) {
        if (!isNewUnread(entry)) continue
        const { category } = entry as { category: string }
        total++
        byCategory.set(category, (byCategory.get(category) ?? 0) + 1)
      }
      return total !== before
    }
  }
}

/** Of those that a link tells of what its node said. */
interface CountedEvents<L> {
  onReady (link: L, ready: Ready): void
  onEntries (link: L, entries: ReadonlyArray<Entry | VolatileMessage>): void
  onUnread (link: L, count: UnreadCount): void
}

/** The events of one link, and `onUnread` behind entries too, where its node leaves the counting to its client. */
export function countAlong<L, E extends CountedEvents<L>> (events: E & CountedEvents<L>): E {
  let tally: UnreadTally | undefined
  return {
    ...events,
    onReady (link: L, ready: Ready) {
      tally = ready.counts === true ? createUnreadTally(ready) : undefined
      events.onReady(link, ready)
    },
    onEntries (link: L, entries: ReadonlyArray<Entry | VolatileMessage>) {
      events.onEntries(link, entries)
      if (tally?.take(entries) === true) events.onUnread(link, tally.count)
    },
    onUnread (link: L, count: UnreadCount) {
      tally?.set(count)
      events.onUnread(link, count)
    }
  }
}
