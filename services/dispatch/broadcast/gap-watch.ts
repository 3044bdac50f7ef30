/**
 * Which broadcasts this process may have missed. It compares the counts that nodes report with those received here, asks a
 * node for the streams of what is missing (gap-query.ts), and suspects more where nobody can name them:
 *
 * | what was heard | what is suspected |
 * | --- | --- |
 * | a heartbeat or `bye` whose count differs from the received one | the streams that the node names; after a `bye`, everything |
 * | between nodes by interest: a head beyond the local one (pushed-heads.ts) | that stream |
 * | between nodes by interest: a heartbeat or `bye` that does not begin where the last one ended | as where counts differ |
 * | nothing: a life ended without a `bye` | the node's last broadcasts, whose number nobody knows; everything where some were missing already |
 *
 * A process that does not receive broadcasts misses none.
 */
import type { NodeId } from '../../../shared/contract/names.js'
import { lifeToken } from '../../../shared/contract/subjects.js'
import type { Log } from '../../../shared/platform/log.js'
import type { SuspectedGap } from '../dispatch.js'
import type { Heartbeat } from '../heartbeat.js'
import type { DispatchIntervals } from '../intervals.js'
import type { BroadcastReceiver } from './broadcast-receiver.js'
import { createGapBatcher } from './gap-batcher.js'
import { createGapQuery } from './gap-query.js'
import type { Interest } from './interest.js'
import type { Publisher, ReceiveCounters } from './receive-counters.js'

export interface GapWatch {
  heardHeartbeat: (heartbeat: Heartbeat) => void
  heardBye: (heartbeat: Heartbeat) => void
  /** A life ended without a `bye`. */
  lifeEnded: (node: NodeId, startedAt: number) => void
  /** Nothing is missing, as far as is known, and nothing waits to be emitted. */
  readonly isClear: boolean
  close: () => void
}

export interface GapWatchOptions {
  readonly receiver: Pick<BroadcastReceiver, 'receivedMs'>
  readonly receiveCounters: ReceiveCounters
  /** Where this node is by interest. */
  readonly interest?: Pick<Interest, 'heardHeads'> | undefined
  /** Asks one node for the streams of what is missing. */
  readonly ask: (node: NodeId, body: unknown) => Promise<unknown>
  readonly emit: (gap: SuspectedGap) => void
  /** Wall time; a node that started before it may have broadcast unheard. */
  readonly createdAtMs: number
  readonly intervals: Pick<DispatchIntervals, 'settleMs' | 'jitterMs'>
  readonly log: Log
}

/** Gaps that show together are emitted together. */
const batchMs = 20

export function createGapWatch ({ receiver, receiveCounters, interest, ask, emit, createdAtMs, intervals: { settleMs, jitterMs }, log }: GapWatchOptions): GapWatch {
  const batcher = createGapBatcher({ waitMs: batchMs, emit })
  const query = createGapQuery({
    receiveCounters,
    ask,
    onStreams: batcher.addStreams,
    onUnknown: batcher.addEverything,
    onFailure: (publisher, error) => { log.debug({ event: 'loss-question-failed', member: publisher.node, err: error }, 'a publisher did not reply what was lost; asked again at its next heartbeat') },
    jitterMs
  })

  const publisherOf = ({ id, startedAt }: Heartbeat): Publisher | undefined => receiveCounters.publisher(lifeToken(id as NodeId, startedAt))

  /** Whether something of this publisher is in doubt. */
  function compare (publisher: Publisher, { sent, pushed }: Heartbeat, joinedMidway: boolean): boolean {
    if (interest === undefined || pushed === undefined) return receiveCounters.compare(publisher, sent, joinedMidway)
    const { since, heads } = pushed
    const isTold = heads !== undefined && interest.heardHeads(heads, stream => { batcher.addStreams([stream]) })
    return receiveCounters.follow(publisher, isTold ? since : undefined, sent, joinedMidway)
  }

  /** Broadcasts are missing, and the node that could name their streams is gone. */
  function giveUp (publisher: Publisher): void {
    receiveCounters.resolve(publisher, Infinity)
    log.warn({ event: 'broadcasts-lost', member: publisher.node }, 'broadcasts of a node that has gone were lost: all streams are looked at')
    batcher.addEverything()
  }

  return {
    heardHeartbeat (heartbeat) {
      const { receivedMs } = receiver
      if (receivedMs === undefined) return
      const publisher = publisherOf(heartbeat)
      if (publisher === undefined) return
      const joinedMidway = receivedMs < settleMs && heartbeat.startedAt < createdAtMs
      if (compare(publisher, heartbeat, joinedMidway)) query.ask(publisher)
    },
    heardBye (heartbeat) {
      if (receiver.receivedMs === undefined) return
      const publisher = publisherOf(heartbeat)
      if (publisher !== undefined && compare(publisher, heartbeat, false)) giveUp(publisher)
    },
    lifeEnded (node, startedAt) {
      if (receiver.receivedMs === undefined) return
      emit({ kind: 'node', node })
      const publisher = receiveCounters.publisher(lifeToken(node, startedAt))
      if (publisher?.doubted !== undefined) giveUp(publisher)
    },
    get isClear () { return receiveCounters.doubted === 0 && !batcher.isWaiting },
    close () {
      query.close()
      batcher.close()
    }
  }
}
