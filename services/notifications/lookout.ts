/**
 * Makes good what a broadcast did not bring: dispatch says what may have been missed, and the local streams among it are
 * looked at in the store at once; and every local stream is looked at once a minute whatever happens, spread evenly: a
 * round is cut into slices, and a stream keeps the slice that it was given by chance when it was first seen.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../shared/log.js'
import { nodeLogStream, type NodeId, type StreamId } from '../../shared/names.js'
import type { Dispatch, Doubt } from '../dispatch/dispatch.js'
import type { Hub, LocalStream } from './delivery/hub.js'
import type { NodeLog } from './node-log.js'
import type { Placement } from './placement.js'

export interface Lookout {
  /** Streams found to have grown unnoticed since the start. */
  readonly healed: number
  /** Another node read the log of a lost one. */
  lookAt: (streams: readonly StreamId[]) => Promise<void>
  close: () => void
}

export interface LookoutOptions {
  readonly nodeId: NodeId
  readonly dispatch: Dispatch
  readonly hub: Hub
  readonly placement: Placement
  readonly nodeLog: NodeLog
  readonly log: Log
  /** Within this time, and the second that it takes to see a new stream, every local stream is looked at. */
  readonly roundMs?: number | undefined
}

const defaultRoundMs = 60_000
const slicesPerRound = 240
/** New streams are given their slices every so many slices. */
const slicesPerScan = 4
const groupSize = 500
const namesPerQuestion = 2_000
const doubtTries = 20
const doubtPauseMs = 500

export function createLookout ({ nodeId, dispatch, hub, placement, nodeLog, log, roundMs = defaultRoundMs }: LookoutOptions): Lookout {
  let healed = 0
  const slices = Array.from({ length: slicesPerRound }, () => new Set<LocalStream>())
  const sliced = new WeakSet<LocalStream>()
  let at = 0
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  async function look (streams: readonly LocalStream[]): Promise<void> {
    for (let i = 0; i < streams.length; i += groupSize) {
      const grown = await hub.look(streams.slice(i, i + groupSize))
      healed += grown
      if (grown > 0) log.info({ event: 'healed', streams: grown }, 'streams had grown unnoticed')
    }
  }

  const localOf = (streams: readonly StreamId[]): LocalStream[] => streams.map(stream => hub.get(stream)).filter(stream => stream !== undefined)

  async function heed (doubt: Doubt): Promise<void> {
    if (doubt.kind === 'streams') await look(localOf(doubt.streams))
    else if (doubt.kind === 'everything') await look([...hub.streams()])
    else {
      // Its own streams first; what it stored for others is found in the node's log, or by the next round.
      const isReader = placement.ownerOf(nodeLogStream(doubt.node)) === nodeId
      const wasGiven = placement.givenTo(doubt.node)
      await look([...hub.streams()].filter(stream => wasGiven(stream.id)))
      await shareLog(doubt.node, isReader)
    }
  }

  /** The ring may still have the lost node, which cannot read its own log: then everyone does. */
  async function shareLog (node: NodeId, isReader: boolean): Promise<void> {
    if (!isReader && placement.ownerOf(nodeLogStream(node)) !== node) return
    const names = await nodeLog.read(node)
    if (names.length === 0) return
    log.info({ event: 'node-log', member: node, streams: names.length }, 'a lost node had stored while it was cut off')
    await look(localOf(names))
    if (!isReader) return
    for (let i = 0; i < names.length; i += namesPerQuestion) await dispatch.askAll('look-at', { streams: names.slice(i, i + namesPerQuestion) })
  }

  /** Never rejects. A store that is slow, or away for a moment, must not leave it to the next round, a minute later. */
  async function heedInTime (doubt: Doubt): Promise<void> {
    for (let attempt = 1; !isClosed; attempt++) {
      try {
        await heed(doubt)
        return
      } catch (error) {
        if (attempt === doubtTries) {
          log.warn({ err: error, doubt: doubt.kind }, 'what may have been missed could not be looked at; the next round will')
          return
        }
        log.debug({ err: error, doubt: doubt.kind }, 'what may have been missed could not be looked at: again in a moment')
        await sleep(doubtPauseMs, undefined, { ref: false })
      }
    }
  }
  const stopDoubts = dispatch.onDoubt(doubt => { void heedInTime(doubt) })

  async function lookAtSlice (): Promise<void> {
    if (at % slicesPerScan === 0) sliceNew()
    const slice = slices[at]!
    for (const stream of slice) if (stream.state === 'closed') slice.delete(stream)
    try {
      await look([...slice])
      at = (at + 1) % slicesPerRound
    } catch (error) { log.debug({ err: error }, 'streams could not be looked at: again in a moment') }
    schedule()
  }

  function sliceNew (): void {
    for (const stream of hub.streams()) {
      if (sliced.has(stream)) continue
      sliced.add(stream)
      slices[Math.floor(Math.random() * slicesPerRound)]!.add(stream)
    }
  }

  function schedule (): void {
    if (isClosed) return
    timer = setTimeout(() => { void lookAtSlice() }, roundMs / slicesPerRound)
    timer.unref()
  }
  schedule()

  return {
    get healed () { return healed },
    lookAt: async streams => { await look(localOf(streams)) },
    close: () => {
      stopDoubts()
      isClosed = true
      clearTimeout(timer)
    }
  }
}
