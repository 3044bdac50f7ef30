/** What a node shows to Prometheus beside the process's and the requests' metrics. */
import type { Metrics } from '../../shared/metrics.js'
import type { Lookout } from './lookout.js'
import type { NodeCore } from './node-core.js'

export function observeNode (metrics: Metrics, { core, lookout }: { core: NodeCore, lookout: Lookout }): void {
  const { appender, handOver, users } = core
  metrics.gauge('sockets', 'Open sockets.', () => users.sessionCount)
  metrics.gauge('users', 'Users with an open socket.', () => users.users)
  metrics.gauge('socket_buffer_bytes', 'Bytes that wait for slow sockets.', () => {
    let bytes = 0
    for (const session of users.sessions()) bytes += session.waitingBytes
    return bytes
  })
  metrics.gauge('sockets_behind', 'Sockets whose live delivery stopped because they were too slow.', () => {
    let behind = 0
    for (const session of users.sessions()) if (session.state === 'behind') behind++
    return behind
  })
  metrics.gauge('local_streams', 'Streams with a reader here.', () => [...core.hub.streams()].length)
  metrics.gauge('messages', 'Messages that came in by this node since its start.', core.messageCount)
  metrics.gauge('appends', 'Entries appended since the start.', () => appender.counts.entries)
  metrics.gauge('append_groups', 'Groups in which they were appended.', () => appender.counts.groups)
  metrics.gauge('append_conflicts', 'Appends that met another writer or a failure, and were tried again.', () => appender.counts.conflicts)
  metrics.gauge('append_deep_looks', 'Appends before which a stream had to be read to be sure of exactly once.', () => appender.counts.deepLooks)
  metrics.gauge('appends_handed_over', 'Entries that the node of their stream appended for this one.', () => handOver.counts.handed)
  metrics.gauge('append_fallbacks', 'Entries that this node appended because their stream\'s node did not answer.', () => handOver.counts.fallbacks)
  metrics.gauge('heads_prolonged', 'Heads of streams kept from expiry.', () => appender.counts.prolonged)
  metrics.gauge('gaps_healed', 'Streams found to have grown without a broadcast.', () => lookout.healed)
}
