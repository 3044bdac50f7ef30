/** What a connection is made of. */
import type { Clock } from '../../../shared/contract/clock.js'
import type { Ticket } from '../../../shared/platform/identity/ticket.js'
import type { Identity } from '../../../shared/platform/identity/verify.js'
import type { Store } from '../../../shared/store/store.js'
import type { EntryForm } from '../log/entry-form.js'
import type { Heads } from '../log/heads.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { Hub } from './hub.js'
import type { RecentTimes } from './recent-times.js'
import type { Reconciler } from './reconciler.js'
import type { RetryStoreWork } from './retry-store-work.js'
import type { Transport } from './transport/transport.js'

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

export type Cursors = Readonly<Record<string, number>>

export type UserToken = Pick<Identity, 'expiresAt' | 'issuedAt' | 'profile'>

export interface ConnectionOptions {
  readonly node: ConnectionNode
  readonly transport: Transport
  readonly ticket: Ticket
  readonly form: EntryForm
  /** The client adds to its unread number what its entries bring. */
  readonly countsItself: boolean
  /** Undefined: only new entries. */
  readonly cursors: Cursors | undefined
}
