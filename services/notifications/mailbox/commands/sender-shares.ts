/** What each user has under way to the store: one who sends faster than it takes fills a share of the queue, not the queue. */
export interface SenderShares {
  /** What ends it; undefined where the share is used up. Who has nothing under way may always send one message. */
  take: (sender: string, entries: number, chars: number) => (() => void) | undefined
}

const mostEntries = 2_000
const mostChars = 8 << 20

export function createSenderShares (): SenderShares {
  const bySender = new Map<string, { entries: number, chars: number }>()

  return {
    take: (sender, entries, chars) => {
      let share = bySender.get(sender)
      if (share === undefined) bySender.set(sender, share = { entries: 0, chars: 0 })
      else if (share.entries + entries > mostEntries || share.chars + chars > mostChars) return undefined
      share.entries += entries
      share.chars += chars
      return () => {
        share.entries -= entries
        share.chars -= chars
        if (share.entries === 0) bySender.delete(sender)
      }
    }
  }
}
