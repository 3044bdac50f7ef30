/**
 * Appending, here or at the stream's owner, and what each entry does once it is durable:
 *
 *   append → (owner? forwarder : appender) → stored → commit (commit.ts) → broadcast (pushes.ts)
 */
import type { Clock } from '../../../shared/contract/clock.js'
import { deadlines } from '../../../shared/contract/deadlines.js'
import type { NodeId, StreamId } from '../../../shared/contract/names.js'
import type { Log } from '../../../shared/platform/log.js'
import { ownerRange } from '../../../shared/store/keys.js'
import { storeCheck, type Store } from '../../../shared/store/store.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import { createAppender, type Appender, type AppendRules } from '../log/appender.js'
import type { Heads } from '../log/heads.js'
import type { Tails } from '../log/tails.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { UnreadCounter } from '../mailbox/unread/unread.js'
import type { Realtime } from '../realtime/create-realtime.js'
import { createCommit } from './commit.js'
import { createForwarder, type Forwarder } from './forwarder.js'
import { createPushes, type Pushes } from './pushes.js'

export interface Streams {
  readonly appender: Appender
  readonly forwarder: Forwarder
  readonly pushes: Pushes
  /** Waits for what is being appended. */
  readonly close: () => Promise<void>
}

export interface StreamsOptions {
  readonly nodeId: NodeId
  readonly store: Store
  readonly dispatch: Dispatch
  readonly clock: Clock
  readonly log: Log
  readonly tails: Tails
  readonly heads: Heads
  readonly views: UserViews
  readonly unread: UnreadCounter
  readonly realtime: Pick<Realtime, 'hub' | 'reconciler' | 'topics' | 'times'>
  /** The node that appends to a stream; undefined: this one. */
  readonly appenderOf: (stream: StreamId) => NodeId | undefined
  /** Awaited before streams are appended to; see node/outage-log.ts. */
  readonly beforeStoring: (streams: readonly StreamId[]) => Promise<void> | undefined
  readonly rules?: AppendRules | undefined
  readonly observeAppend?: ((seconds: number) => void) | undefined
}

export function createStreams ({ nodeId, store, dispatch, clock, log, tails, heads, views, unread, realtime, appenderOf, beforeStoring, rules, observeAppend }: StreamsOptions): Streams {
  const { hub, reconciler, topics, times } = realtime
  const commit = createCommit({ heads, hub, views, unread })
  const pushes = createPushes({ dispatch, hub, reconciler, topics, times, log })
  const appender = createAppender({
    store,
    clock,
    log,
    tails,
    beforeStoring,
    ...rules !== undefined && { rules },
    ...observeAppend !== undefined && { onDuration: observeAppend },
    onAppended: (stream, doc) => {
      commit(stream, doc)
      pushes.entry(stream, doc)
    },
    onUnknown: stream => {
      const timer = setTimeout(() => {
        const local = hub.get(stream)
        if (local !== undefined) void reconciler.doubt([local])
      }, deadlines.append.lookAgainMs)
      timer.unref()
    }
  })
  const shardOf = (stream: StreamId): string => store.shardOf?.('entries', ownerRange(stream).from) ?? ''
  const forwarder = createForwarder({ nodeId, dispatch, appender, ownerOf: appenderOf, canStore: () => storeCheck(store.status()) === true, shardOf, onStored: commit, log })
  const stopListening = pushes.listen(commit)
  return {
    appender, forwarder, pushes,
    close: async () => {
      stopListening()
      await appender.settled()
    }
  }
}
