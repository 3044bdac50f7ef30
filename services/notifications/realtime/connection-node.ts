import type { Clock } from '../../../shared/contract/clock.js'
import type { Store } from '../../../shared/store/store.js'
import type { Heads } from '../log/heads.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { Hub } from './hub.js'
import type { RecentTimes } from './recent-times.js'
import type { Reconciler } from './reconciler.js'
import type { RetryStoreWork } from './retry-store-work.js'

/** What all connections of a node share. */
export interface ConnectionNode {
  readonly hub: Hub
  readonly store: Store
  readonly heads: Heads
  readonly reconciler: Pick<Reconciler, 'doubt'>
  readonly views: Pick<UserViews, 'peek' | 'fresh' | 'noteLeave'>
  readonly clock: Clock
  readonly retryStoreWork: RetryStoreWork
  readonly times: Pick<RecentTimes, 'written'>
}
