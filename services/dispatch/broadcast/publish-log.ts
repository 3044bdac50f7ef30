/**
 * What this node has broadcast: how many in all, and the streams of the last ones, in segments that end where a
 * heartbeat carried the number. Receivers are sure of a number that some heartbeat carried, so their requests fall
 * on the borders of segments, and no number needs to be kept for each stream.
 *
 * A segment is forgotten `rememberedMs` after it ended. While this node is cut off no heartbeat reaches anyone:
 * then the segment goes on, and so it is remembered from the moment the link is back.
 */
import type { StreamId } from '../../../shared/contract/names.js'

export interface PublishLog {
  readonly count: number
  add: (stream: StreamId) => void
  /** Ends the current segment: `count` is about to go out with a heartbeat. */
  mark: (nowMs: number) => void
  prune: (nowMs: number) => void
  /**
   * The streams of all numbered above `after` and not above `upTo`, each once; `upTo` is a count that was marked.
   * Undefined when that is not known any more.
   */
  streamsBetween: (after: number, upTo: number) => readonly StreamId[] | undefined
}

interface Segment { readonly upTo: number, readonly endedAtMs: number, readonly streams: ReadonlySet<StreamId> }

export function createPublishLog ({ rememberedMs, maxStreams = 2_000_000 }: { rememberedMs: number, maxStreams?: number }): PublishLog {
  let count = 0
  /** All up to this number is forgotten. */
  let forgottenUpTo = 0
  let ended: Segment[] = []
  let endedStreams = 0
  let current = new Set<StreamId>()
  /** Many ask the same after one failure of this node's link. */
  let latest: { after: number, upTo: number, streams: readonly StreamId[] } | undefined

  function forget (segments: number): void {
    if (segments === 0) return
    for (const { streams } of ended.slice(0, segments)) endedStreams -= streams.size
    forgottenUpTo = ended[segments - 1]?.upTo ?? forgottenUpTo
    ended = ended.slice(segments)
    latest = undefined
  }

  return {
    get count () { return count },
    add (stream) {
      count++
      current.add(stream)
      if (current.size > maxStreams) {
        forget(ended.length)
        forgottenUpTo = count
        current = new Set()
      }
    },
    mark (nowMs) {
      if (current.size === 0) return
      ended.push({ upTo: count, endedAtMs: nowMs, streams: current })
      endedStreams += current.size
      current = new Set()
      let excess = 0
      for (let over = endedStreams - maxStreams; over > 0; excess++) over -= ended[excess]?.streams.size ?? over
      forget(excess)
    },
    prune (nowMs) {
      let due = 0
      while (nowMs - (ended[due]?.endedAtMs ?? nowMs) > rememberedMs) due++
      forget(due)
    },
    streamsBetween (after, upTo) {
      if (after < forgottenUpTo) return undefined
      if (latest?.after === after && latest.upTo === upTo) return latest.streams
      const streams = new Set<StreamId>()
      for (const segment of ended) {
        if (segment.upTo <= after) continue
        if (segment.upTo > upTo) break
        for (const stream of segment.streams) streams.add(stream)
      }
      latest = { after, upTo, streams: [...streams] }
      return latest.streams
    }
  }
}
