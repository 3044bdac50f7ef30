/** What a node shows to Prometheus beside the process's and the requests' metrics. */
import type { Clock } from '../../../shared/contract/clock.js'
import type { Metrics } from '../../../shared/platform/metrics.js'
import type { Store } from '../../../shared/store/store.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { ClockWatch } from './clock-watch.js'
import type { GapRepair } from './gap-repair.js'
import type { NotificationsNode } from './node.js'

export interface NodeParts {
  readonly node: NotificationsNode
  readonly gapRepair: GapRepair
  readonly store: Store
  readonly dispatch: Dispatch
  readonly clock: Clock
  readonly clockWatch: ClockWatch
  readonly purgeLagMs: () => number
  readonly isDraining: () => boolean
}

export function observeNode (metrics: Metrics, { node, gapRepair, store, dispatch, clock, clockWatch, purgeLagMs, isDraining }: NodeParts): void {
  const { appender, forwarder } = node.streams
  const { users } = node.realtime
  metrics.gauge('store_reachable', '1 where the store can be reached, else 0.', () => store.status().reachable ? 1 : 0)
  metrics.gauge('store_writable', '1 where the store takes writes, as far as was seen; 0 where its disk is full.', () => store.status().refusesWrites === undefined ? 1 : 0)
  if (store.status().disk !== undefined) metrics.gauge('store_disk_free_bytes', 'Free on the disk of the embedded store; with less than GATEPOST_DISK_RESERVE nothing is written.', () => store.status().disk?.freeBytes ?? 0)
  metrics.gauge('dispatch_connected', '1 where the link to the other nodes is there, else 0.', () => dispatch.isConnected ? 1 : 0)
  metrics.gauge('clock_offset_seconds', 'How far this clock is ahead of the store\'s; beyond 5 either way the node is not ready.', () => clockWatch.offsetMs() / 1000)
  metrics.gauge('clock_jumped_seconds', 'How far this clock has jumped ahead (below 0: back) since the start, by the machine\'s steady clock.', () => clock.jumpedMs() / 1000)
  metrics.gauge('purge_lag_seconds', 'Embedded store: how far the clock is ahead of the time by which is purged; 0 within an hour. Purging waits until the clock has stood for a day.', () => purgeLagMs() / 1000)
  metrics.gauge('draining', '1 while sockets are handed over to other nodes, else 0.', () => isDraining() ? 1 : 0)
  metrics.gauge('sockets', 'Open sockets.', () => users.connectionCount)
  metrics.gauge('users', 'Users with an open socket.', () => users.users)
  metrics.gauge('socket_buffer_bytes', 'Bytes that wait for slow sockets.', () => {
    let bytes = 0
    for (const connection of users.connections()) bytes += connection.waitingBytes
    return bytes
  })
  metrics.gauge('sockets_behind', 'Sockets whose live delivery stopped because they were too slow.', () => {
    let behind = 0
    for (const connection of users.connections()) if (connection.state === 'behind') behind++
    return behind
  })
  metrics.gauge('local_streams', 'Streams with a reader here.', () => [...node.realtime.hub.streams()].length)
  metrics.total('messages_total', 'Messages that came in by this node since its start.', node.posting.count)
  metrics.total('appends_total', 'Entries appended since the start.', () => appender.counts.entries)
  metrics.total('append_groups_total', 'Groups in which they were appended.', () => appender.counts.groups)
  metrics.total('append_conflicts_total', 'Appends that met another writer or a failure, and were tried again.', () => appender.counts.conflicts)
  metrics.total('append_deep_looks_total', 'Appends before which a stream had to be read to be sure of exactly once.', () => appender.counts.searches)
  metrics.total('appends_handed_over_total', 'Entries that the node of their stream appended for this one.', () => forwarder.counts.handed)
  metrics.total('append_fallbacks_total', 'Entries that this node appended because their stream\'s node did not answer.', () => forwarder.counts.fallbacks)
  metrics.total('heads_prolonged_total', 'Heads of streams kept from expiry.', () => appender.counts.extended)
  metrics.total('gaps_healed_total', 'Streams found to have grown without a broadcast.', () => gapRepair.healed)
}

/** 0.5 ms to 30 s. */
const appendBounds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30]

export const createAppendObserver = (metrics: Metrics): (seconds: number) => void =>
  metrics.times('append_seconds', 'From the call of an append until its entry is durable.', appendBounds).observe
