/** Unread numbers as of what a user's sockets were sent: a view that lags behind that is not counted from. */
import type { StreamId } from '../../../shared/contract/names.js'
import type { CountedUnread, UnreadCounter } from '../mailbox/unread/unread.js'
import type { UserView, UserViews } from '../mailbox/state/user-views.js'
import { eventFrame, type Frame } from './transport/frame.js'
import type { Hub } from './hub.js'
import type { UserNotifier } from './user-notifier.js'

export interface UnreadNumbers {
  /** Undefined where something must be read, or counting fails: `count` reads it, and says why. */
  countNow: (notifier: UserNotifier) => CountedUnread | undefined
  count: (notifier: UserNotifier) => CountedUnread | Promise<CountedUnread>
}

export interface UnreadNumbersOptions {
  readonly hub: Pick<Hub, 'get'>
  readonly views: Pick<UserViews, 'peek' | 'fresh'>
  readonly unread: Pick<UnreadCounter, 'count'>
}

export function createUnreadNumbers ({ hub, views, unread }: UnreadNumbersOptions): UnreadNumbers {
  const headOf = (stream: StreamId): number => hub.get(stream)?.head ?? 0

  /** Undefined where the view lags behind what the user's sockets were sent. */
  function currentView ({ own }: UserNotifier): UserView | undefined {
    const view = views.peek(own)
    return view !== undefined && view.head < headOf(own) ? undefined : view
  }

  const countIn = (view: UserView): CountedUnread | Promise<CountedUnread> => unread.count(view, headOf)

  return {
    countNow: notifier => {
      const view = currentView(notifier)
      if (view === undefined) return undefined
      try {
        const counted = countIn(view)
        if (!(counted instanceof Promise)) return counted
        counted.catch(() => {})
      } catch { /* as said above: entries go out whatever their numbers do */ }
      return undefined
    },
    count: notifier => {
      const view = currentView(notifier)
      return view === undefined ? views.fresh(notifier.user).then(countIn) : countIn(view)
    }
  }
}

/** The frame of a number is made once for the many of a crowd who have the same. */
export class NumberFrame {
  #json = ''
  #frame: Frame | undefined

  of (json: string): Frame {
    if (this.#frame === undefined || this.#json !== json) {
      this.#json = json
      this.#frame = eventFrame('unread', json)
    }
    return this.#frame
  }
}
