/**
 * What a node stores while it is cut off from the others would stay unnoticed elsewhere if the node died before it is
 * back. So while it is cut off it writes the name of a stream into its own log, `n:NODE`, before it appends to it. When a
 * node is lost, the node to which the ring gives `n:NODE` reads that log and tells everyone which streams to look at.
 */
import { createMessageId, type Clock } from '../../../shared/contract/clock.js'
import type { Log } from '../../../shared/platform/log.js'
import { nodeLogStream, type NodeId, type StreamId } from '../../../shared/contract/names.js'
import type { Store } from '../../../shared/store/store.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import { createAppender } from '../log/appender.js'
import { readAfter } from '../log/read.js'

export interface OutageLog {
  /** To be awaited before these streams are appended to; undefined when nothing is to be done. */
  beforeStoring: (streams: readonly StreamId[]) => Promise<void> | undefined
  /** What a lost node wrote down lately. */
  read: (node: NodeId) => Promise<StreamId[]>
}

export interface OutageLogOptions {
  readonly nodeId: NodeId
  readonly dispatch: Pick<Dispatch, 'isResponsive'>
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
}

const keptMs = 2 * 3_600_000
const page = 1_000

export function createOutageLog ({ nodeId, dispatch, store, clock, log }: OutageLogOptions): OutageLog {
  const own = nodeLogStream(nodeId)
  // One of its own: in the groups of the appender that waits for these names, the two would wait for each other.
  const appender = createAppender({ store, clock, log, onAppended: () => {} })
  /** Names written since the link broke, or being written. */
  let written = new Map<StreamId, Promise<unknown>>()

  return {
    beforeStoring: streams => {
      if (dispatch.isResponsive) {
        if (written.size > 0) written = new Map()
        return undefined
      }
      const waits: Array<Promise<unknown>> = []
      for (const stream of streams) {
        let writing = written.get(stream)
        if (writing === undefined) {
          writing = appender.append(own, { kind: 'log', id: createMessageId(clock.tick(), undefined), expiresAt: clock.latest() + keptMs, text: stream })
          // Serving comes first: without the log the entry is found within 90 s all the same.
          writing = writing.catch((error: unknown) => { written.delete(stream); log.warn({ err: error, stream }, 'the node log could not be written') })
          written.set(stream, writing)
        }
        waits.push(writing)
      }
      return waits.length === 0 ? undefined : Promise.all(waits).then(() => {})
    },
    read: async node => {
      const names = new Set<StreamId>()
      let cursor = 0 // by no clock: its node's may have been wrong
      for (;;) {
        const docs = await readAfter(store, nodeLogStream(node), cursor, page)
        for (const doc of docs) { if (doc.kind === 'log' && doc.expiresAt > clock.earliest()) names.add(doc.text as StreamId); cursor = Math.max(cursor, doc.seq) }
        if (docs.length < page) return [...names]
      }
    }
  }
}
