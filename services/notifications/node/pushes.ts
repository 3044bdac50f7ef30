/**
 * What nodes push to each other over dispatch, and in which form: entries that are durable, and volatile messages, which are
 * stored nowhere and go to who is connected.
 */
import { GatepostError } from '../../../shared/contract/errors.js'
import { createNewerFormLog } from '../../../shared/platform/newer-form-log.js'
import type { Log } from '../../../shared/platform/log.js'
import { userStream, type StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc } from '../../../shared/store/store.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { Commit } from './commit.js'
import { frameByForm } from '../realtime/fan-out.js'
import { eventFrame } from '../realtime/transport/frame.js'
import type { Hub, LocalStream } from '../realtime/hub.js'
import type { Reconciler } from '../realtime/reconciler.js'
import { Connection } from '../realtime/connection.js'
import type { RecentTimes } from '../realtime/recent-times.js'
import type { Topics } from '../realtime/topics.js'
import { decodeEntry, encodeEntry } from '../log/entry.js'

export interface Pushes {
  /** To every other node. */
  entry: (stream: StreamId, doc: EntryDoc) => void
  /** To the readers of a stream, here and elsewhere; GP_DISPATCH_UNAVAILABLE where it would not reach all of them. */
  volatile: (stream: StreamId, wire: string) => void
  /** The same to the sockets that listen to a topic. */
  toTopic: (topic: string, match: 'exact' | 'prefix', wire: string) => void
  /** From now on what others push is taken. Returns what ends it. */
  listen: (commit: Commit) => () => void
}

export interface PushesOptions {
  readonly dispatch: Dispatch
  readonly hub: Hub
  readonly reconciler: Reconciler
  readonly topics: Topics
  readonly times: Pick<RecentTimes, 'broadcast'>
  readonly log: Log
}

/** The first byte of what is pushed says what it is, and in which form: one of a later form begins with another. */
const entryMark = 0x5b // '[', where the head of an entry begins
const ephemeralMark = 0x76 // 'v'

export function createPushes ({ dispatch, hub, reconciler, topics, times, log }: PushesOptions): Pushes {
  const logNewerForm = createNewerFormLog(log)

  function deliverVolatile (readers: Iterable<unknown>, wire: string): void {
    const frameFor = frameByForm(form => eventFrame('entries', form.volatile(wire)))
    for (const reader of readers) if (reader instanceof Connection) reader.deliverVolatile(frameFor(reader))
  }

  /** A volatile entry lies in no chain that says who has left: one of a group goes only to whose own streams are known here to be up to date. */
  const knowsLeaves = (): boolean => dispatch.isWhole && !reconciler.isInDoubt
  function * readersNow (local: LocalStream | undefined): Generator<unknown> {
    if (local === undefined) return
    const isGroup = local.id.startsWith('g:')
    if (isGroup && !knowsLeaves()) return
    for (const reader of local.readers) if (!isGroup || (reader instanceof Connection && hub.get(userStream(reader.user))?.state === 'live')) yield reader
  }

  function requireLink (isLinked: boolean): void {
    if (!isLinked) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'this node has no link to the others, or had none until a moment ago; a volatile message would not reach everyone')
  }

  return {
    entry: (stream, doc) => { times.broadcast(stream, doc.seq, dispatch.broadcast(stream, () => encodeEntry(doc), doc.seq)) },
    volatile: (stream, wire) => {
      requireLink(stream.startsWith('g:') ? knowsLeaves() : dispatch.isConnected)
      dispatch.broadcastVolatile(stream, volatilePayload(wire))
      deliverVolatile(readersNow(hub.get(stream)), wire)
    },
    toTopic: (topic, match, wire) => {
      requireLink(dispatch.isConnected)
      dispatch.broadcastTopic(topic, match, volatilePayload(wire))
      deliverVolatile(topics.match(topic, match), wire)
    },
    listen: commit => {
      const stopArrivals = dispatch.onArrival(hub.wants, ({ from, token, payload }) => {
        switch (payload[0]) {
          case ephemeralMark:
            deliverVolatile(readersNow(hub.byToken(token)), wireOf(payload))
            break
          case entryMark: {
            const doc = decodeEntry(payload)
            const { stream } = placeOfEntry(doc.key)
            commit(stream, doc)
            break
          }
          default: {
            logNewerForm(from, 'push', formOf(payload))
            const local = hub.byToken(token)
            if (local !== undefined) void reconciler.at([local])
          }
        }
      })
      const stopTopics = dispatch.onTopic(({ from, topic, match, payload }) => {
        if (payload[0] === ephemeralMark) deliverVolatile(topics.match(topic, match), wireOf(payload))
        else logNewerForm(from, 'volatile message', formOf(payload))
      })
      return () => { stopArrivals(); stopTopics() }
    }
  }
}

const volatilePayload = (wire: string): Buffer => Buffer.from(`v${wire}`)
const wireOf = (payload: Uint8Array): string => Buffer.from(payload.buffer, payload.byteOffset + 1, payload.byteLength - 1).toString('utf8')
const formOf = (payload: Uint8Array): string => String.fromCharCode(payload[0] ?? 0x20)
