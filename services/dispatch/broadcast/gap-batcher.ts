/** Groups what may have been missed: an `everything` swallows the streams named beside it, many small answers go out as one. */
import type { StreamId } from '../../../shared/contract/names.js'
import type { SuspectedGap } from '../dispatch.js'

export interface GapBatcher {
  addStreams: (streams: readonly StreamId[]) => void
  addEverything: () => void
  /** Something waits to be emitted. */
  readonly isWaiting: boolean
  close: () => void
}

export function createGapBatcher ({ waitMs, emit }: { waitMs: number, emit: (doubt: SuspectedGap) => void }): GapBatcher {
  let streams = new Set<StreamId>()
  let isEverything = false
  let timer: NodeJS.Timeout | undefined

  function schedule (): void {
    timer ??= setTimeout(() => {
      timer = undefined
      const doubt: SuspectedGap = isEverything ? { kind: 'everything' } : { kind: 'streams', streams: [...streams] }
      streams = new Set()
      isEverything = false
      emit(doubt)
    }, waitMs).unref()
  }

  return {
    addStreams (named) {
      for (const stream of named) streams.add(stream)
      schedule()
    },
    addEverything () {
      isEverything = true
      schedule()
    },
    get isWaiting () { return timer !== undefined },
    close () { clearTimeout(timer) }
  }
}
