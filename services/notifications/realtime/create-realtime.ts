/** Who is connected to this node, and what they are sent. */
import type { Clock } from '../../../shared/contract/clock.js'
import type { Log } from '../../../shared/platform/log.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { Store } from '../../../shared/store/store.js'
import type { Heads } from '../log/heads.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { UnreadCounter } from '../mailbox/unread/unread.js'
import { createConnectedUsers, type ConnectedUsers } from './connected-users.js'
import { createHub, type Hub } from './hub.js'
import { createRecentTimes, type RecentTimes } from './recent-times.js'
import { createReconciler, type Reconciler } from './reconciler.js'
import { createRetryStoreWork, type RetryStoreWork } from './retry-store-work.js'
import { createTopics, type Topics } from './topics.js'

export interface Realtime {
  /** The streams that have a reader here. */
  readonly hub: Hub
  /** Compares a local stream with the store. */
  readonly reconciler: Reconciler
  readonly retryStoreWork: RetryStoreWork
  readonly users: ConnectedUsers
  readonly topics: Topics
  readonly times: RecentTimes
  readonly close: () => void
}

export interface RealtimeOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly heads: Heads
  readonly views: UserViews
  readonly unread: UnreadCounter
  readonly listen?: Dispatch['listen']
}

export function createRealtime ({ store, clock, log, heads, views, unread, listen }: RealtimeOptions): Realtime {
  const retryStoreWork = createRetryStoreWork(log)
  const times = createRecentTimes(clock.now)
  const hub = createHub({ store, heads, now: clock.earliest, log, retryStoreWork, times, listen })
  const reconciler = createReconciler({ hub, store, heads, retryStoreWork })
  const users = createConnectedUsers({ hub, views, unread, now: clock.now, log, lookAt: stream => { void reconciler.doubt([stream]) } })
  hub.onEntry(users.accept)
  return {
    hub, reconciler, retryStoreWork, users, times, topics: createTopics(),
    close: () => {
      users.close()
      reconciler.close()
      hub.close()
    }
  }
}
