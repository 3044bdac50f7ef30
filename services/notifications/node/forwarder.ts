/**
 * Forwarding: an entry is appended by the node that the ring gives for its stream. Any node may append, since the chain keeps it
 * safe. The stream's node does it best: the head is in its memory, nobody contends, and its groups are the largest.
 *
 * - What gathers while a request is under way goes in the next request. One request at a time goes to each node (and each shard),
 *   so order holds.
 * - An owner whose store is slow replies in time that it is still at it, and is asked again (forward-request.ts).
 * - An owner that does not reply is passed over: this node appends, under the same ids. Each entry lands once, whoever was first.
 * - An owner that has lost the store may be alone with that: where this node reaches it, it appends.
 * - While NATS hangs no owner is asked, since each request would cost its whole time-out.
 */
import type { Log } from '../../../shared/platform/log.js'
import { deadlines } from '../../../shared/contract/deadlines.js'
import type { NodeId, StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { Appender } from '../log/appender.js'
import type { EntryDraft } from '../log/entry.js'
import { createAtomicGroup, type AtomicGroup } from '../log/atomic-group.js'
import { createForwardRequest, type WaitingEntry } from './forward-request.js'
import { createForwardedAppends, type ForwardedAnswers, type ForwardedEntries } from './forwarded-appends.js'

export { forwardKind } from './forward-request.js'
export type { ForwardedAnswers, ForwardedEntries } from './forwarded-appends.js'

export interface Forwarder {
  /** As Appender.append, wherever it happens. */
  append: (stream: StreamId, draft: EntryDraft, atomicGroup?: AtomicGroup) => Promise<{ doc: EntryDoc }>
  /** Appends what another node handed over. */
  serve: (body: ForwardedEntries) => Promise<ForwardedAnswers>
  readonly counts: { readonly handed: number, readonly fallbacks: number }
}

export interface ForwarderOptions {
  readonly nodeId: NodeId
  readonly dispatch: Dispatch
  readonly appender: Appender
  /** The ring's node for a stream. */
  readonly ownerOf: (stream: StreamId) => NodeId | undefined
  /** Whether this node reaches the store, as far as it knows. Asked only where an append was refused. */
  readonly canStore?: (() => boolean) | undefined
  /** Where the stream lies in the store: those of one place go together, so that nobody waits for another's. */
  readonly shardOf?: ((stream: StreamId) => string) | undefined
  /** An entry that another node stored for this one. */
  readonly onStored: (stream: StreamId, doc: EntryDoc) => void
  readonly log: Log
  readonly timeoutMs?: number
}

const maxEntries = 1_000

export function createForwarder ({ nodeId, dispatch, appender, ownerOf, canStore = () => true, shardOf = () => '', onStored, log, timeoutMs = deadlines.handOver.askMs }: ForwarderOptions): Forwarder {
  /** By node and place. Gone when empty. */
  const queues = new Map<string, WaitingEntry[]>()
  const counts = { handed: 0, fallbacks: 0 }
  const request = createForwardRequest({ dispatch, appender, canStore, onStored, log, timeoutMs, counts })
  // JSON of a draft is longer than its text by escapes, at worst 6 characters for one.
  const maxChars = dispatch.maxPayloadBytes / 4

  async function serveQueue (name: string, owner: NodeId, queue: WaitingEntry[]): Promise<void> {
    while (queue.length > 0) {
      let chars = 0
      let count = 0
      while (count < queue.length && count < maxEntries && (count === 0 || chars + queue[count]!.draft.text.length < maxChars)) chars += queue[count++]!.draft.text.length
      await request(owner, queue.splice(0, count))
    }
    queues.delete(name)
  }

  return {
    counts,
    append: (stream, draft, given) => {
      const owner = ownerOf(stream)
      // A claim is stored in one transaction with the entry.
      if (owner === undefined || owner === nodeId || given?.claim !== undefined || !dispatch.isConnected) return appender.append(stream, draft, { atomicGroup: given })
      const name = `${owner}\t${shardOf(stream)}`
      const queue = queues.get(name)
      if (queue === undefined && !dispatch.isResponsive) return appender.append(stream, draft, { atomicGroup: given })
      return new Promise((resolve, reject) => {
        const atomicGroup = given ?? createAtomicGroup()
        const waiting = { stream, draft, atomicGroup, resolve, reject }
        atomicGroup.tries++
        if (queue !== undefined) { queue.push(waiting); return }
        const begun = [waiting]
        queues.set(name, begun)
        // What comes in the same turn of the event loop goes along.
        setImmediate(() => { void serveQueue(name, owner, begun) })
      })
    },
    serve: createForwardedAppends({ appender, canStore, timeoutMs })
  }
}
