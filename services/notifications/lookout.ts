/**
 * Makes good what a broadcast did not bring: dispatch says what may have been missed, and the local streams among it are
 * looked at in the store at once; and every local stream is looked at once a minute whatever happens, spread evenly.
 */
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
}

const roundMs = 60_000
const sliceMs = 250
const groupSize = 500
const namesPerQuestion = 2_000

export function createLookout ({ nodeId, dispatch, hub, placement, nodeLog, log }: LookoutOptions): Lookout {
  let healed = 0
  /** Streams still to be looked at in this minute's round. */
  let round: LocalStream[] = []
  let perSlice = 1
  let pauseMs = 1_000
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
      await look([...hub.streams()].filter(stream => placement.ownerOf(stream.id) === doubt.node))
      await shareLog(doubt.node, isReader)
    }
  }

  /** The ring may still have the lost node, which cannot read its own log: then everyone does. */
  async function shareLog (node: NodeId, isReader: boolean): Promise<void> {
    if (!isReader && placement.ownerOf(nodeLogStream(node)) !== node) return
    const names = await nodeLog.read(node)
    if (names.length === 0) return
    log.info({ event: 'node-log', node, streams: names.length }, 'a lost node had stored while it was cut off')
    await look(localOf(names))
    if (!isReader) return
    for (let i = 0; i < names.length; i += namesPerQuestion) await dispatch.askAll('look-at', { streams: names.slice(i, i + namesPerQuestion) })
  }

  const stopDoubts = dispatch.onDoubt(doubt => {
    void heed(doubt).catch((error: unknown) => { log.warn({ err: error, doubt: doubt.kind }, 'what may have been missed could not be looked at; the next round will') })
  })

  async function lookAtSlice (): Promise<void> {
    if (round.length === 0) {
      round = [...hub.streams()]
      perSlice = Math.max(1, Math.ceil(round.length * sliceMs / roundMs))
      // As often as it takes to come round in a minute, however few streams there are.
      pauseMs = round.length === 0 ? 1_000 : roundMs * perSlice / round.length
    }
    try { await look(round.splice(0, perSlice)) } catch (error) { log.debug({ err: error }, 'a round of looks was cut short') }
    schedule()
  }

  function schedule (): void {
    if (isClosed) return
    timer = setTimeout(() => { void lookAtSlice() }, pauseMs)
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
