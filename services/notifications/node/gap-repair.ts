/**
 * Makes good what a broadcast did not bring. Dispatch says what may have been missed, and the local streams among it are
 * looked at in the store at once. Every local stream is looked at once a minute whatever happens (stream-round.ts).
 */
import type { Log } from '../../../shared/platform/log.js'
import { nodeLogStream, type NodeId, type StreamId } from '../../../shared/contract/names.js'
import type { Dispatch, SuspectedGap } from '../../dispatch/dispatch.js'
import type { Hub, LocalStream } from '../realtime/hub.js'
import type { ConnectedUsers } from '../realtime/connected-users.js'
import type { Reconciler } from '../realtime/reconciler.js'
import type { OutageLog } from './outage-log.js'
import type { RetryStoreWork } from '../realtime/retry-store-work.js'
import type { OwnRing } from './own-ring.js'
import { StreamRound } from './stream-round.js'

export interface GapRepair {
  /** Streams found to have grown unnoticed since the start. */
  readonly healed: number
  /** Another node read the log of a lost one. */
  lookAt: (streams: readonly StreamId[]) => Promise<void>
  close: () => void
}

export interface GapRepairOptions {
  readonly nodeId: NodeId
  readonly dispatch: Dispatch
  readonly hub: Hub
  readonly reconciler: Reconciler
  readonly users: Pick<ConnectedUsers, 'check'>
  readonly retryStoreWork: RetryStoreWork
  readonly ring: Pick<OwnRing, 'ownerOf' | 'givenTo'>
  readonly outageLog: OutageLog
  readonly log: Log
  /** Of looking at every local stream. */
  readonly roundMs?: number | undefined
}

const defaultRoundMs = 60_000
const namesPerQuestion = 2_000

export function createGapRepair ({ nodeId, dispatch, hub, reconciler, users, retryStoreWork, ring, outageLog, log, roundMs = defaultRoundMs }: GapRepairOptions): GapRepair {
  let healed = 0
  let isClosed = false

  async function lookAt (streams: readonly LocalStream[], by = reconciler.doubt): Promise<void> {
    const grown = await by(streams)
    healed += grown
    if (grown > 0) log.info({ event: 'healed', streams: grown }, 'streams had grown unnoticed')
  }

  const localOf = (streams: readonly StreamId[]): LocalStream[] => streams.map(stream => hub.get(stream)).filter(stream => stream !== undefined)

  async function heed (doubt: SuspectedGap): Promise<void> {
    if (doubt.kind === 'streams') await lookAt(localOf(doubt.streams))
    else if (doubt.kind === 'everything') await lookAt([...hub.streams()])
    else {
      // Its own streams first; what it stored for others is found in the node's log, or by the next round.
      const { node } = doubt
      const isReader = ring.ownerOf(nodeLogStream(node)) === nodeId
      const wasGiven = ring.givenTo(node)
      // The ring may still have the lost node, which cannot read its own log: then everyone does.
      const isToRead = isReader || ring.ownerOf(nodeLogStream(node)) === node
      await lookAt([...hub.streams()].filter(stream => wasGiven(stream.id)))
      if (isToRead) await retryStoreWork(async () => { await shareLog(node, isReader) }, () => !isClosed)
    }
  }

  async function shareLog (node: NodeId, isReader: boolean): Promise<void> {
    const names = await outageLog.read(node)
    if (names.length === 0) return
    log.info({ event: 'node-log', member: node, streams: names.length }, 'a lost node had stored while it was cut off')
    await lookAt(localOf(names))
    if (!isReader) return
    for (let i = 0; i < names.length; i += namesPerQuestion) await dispatch.askAll('look-at', { streams: names.slice(i, i + namesPerQuestion) })
  }

  const stopDoubts = dispatch.onDoubt(doubt => { void heed(doubt) })

  /** Sockets take part in what their users see by the entries that say so; one that was missed all the same is made good here. */
  async function checkUsers (streams: readonly LocalStream[]): Promise<void> {
    let mended = 0
    for (const stream of streams) {
      if (!stream.id.startsWith('u:')) continue
      try { mended += await users.check(stream) } catch (error) { log.debug({ err: error, stream: stream.id }, 'what a user sees could not be read; the next round compares it') }
    }
    if (mended > 0) log.warn({ event: 'placed-anew', sockets: mended }, 'sockets did not take part in what their users see; they do now')
  }

  const round = new StreamRound({
    streams: hub.streams,
    roundMs,
    visit: async streams => {
      await lookAt(streams, reconciler.at)
      await checkUsers(streams)
    }
  })

  return {
    get healed () { return healed },
    lookAt: async streams => { await lookAt(localOf(streams)) },
    close: () => {
      stopDoubts()
      isClosed = true
      round.close()
    }
  }
}
