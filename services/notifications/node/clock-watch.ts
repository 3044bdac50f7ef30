/**
 * How far this node's clock is ahead of the store's, measured now and then. What is measured is off by half of the
 * time that the request took, at most: a store that is slow makes no clock wrong.
 */
import { maxClockOffMs } from '../../../shared/contract/deadlines.js'
import type { Log } from '../../../shared/platform/log.js'
import type { Store } from '../../../shared/store/store.js'

const everyMs = 10_000
/** A measurement that may be further off than this tells nothing, unless even so the clock is surely wrong. */
const maxErrorMs = 1_000

export interface ClockWatch {
  /** As last measured; 0 before. */
  readonly offsetMs: () => number
  /** Surely further off than a node may be. */
  readonly isOff: () => boolean
  readonly close: () => void
}

export interface ClockWatchOptions {
  readonly store: Pick<Store, 'timeMs'>
  /** Wall time in ms since 1970. */
  readonly now: () => number
  readonly log: Pick<Log, 'debug' | 'info' | 'error'>
  /** Told the store's time, ms since 1970, as it is at this moment. */
  readonly onMeasured?: (theirs: number) => void
  readonly intervalMs?: number
  /** Time that no clock change touches, in ms. */
  readonly elapsed?: () => number
}

export function watchClock ({ store, now, log, onMeasured, intervalMs = everyMs, elapsed = () => performance.now() }: ClockWatchOptions): ClockWatch {
  let offsetMs = 0
  let isOff = false
  let isMeasuring = false

  async function measure (): Promise<void> {
    if (isMeasuring) return
    isMeasuring = true
    try {
      const asked = elapsed()
      const theirs = await store.timeMs()
      const measured = now() - theirs
      const errorMs = (elapsed() - asked) / 2
      const isSurelyOff = Math.abs(measured) - errorMs > maxClockOffMs
      if (errorMs > maxErrorMs && !isSurelyOff) return
      onMeasured?.(theirs)
      take(measured, isSurelyOff)
    } catch (error) {
      log.debug({ err: error }, 'the store\'s clock could not be asked')
    } finally {
      isMeasuring = false
    }
  }

  function take (measured: number, isNowOff: boolean): void {
    offsetMs = measured
    if (isNowOff === isOff) return
    isOff = isNowOff
    const fields = { event: 'clock', offsetMs: Math.round(offsetMs) }
    if (isOff) log.error(fields, 'the clock is off the store\'s: this node is not ready until both are set right (NTP)')
    else log.info(fields, 'the clock is right again')
  }

  void measure()
  const timer = setInterval(() => { void measure() }, intervalMs)
  timer.unref()
  return { offsetMs: () => offsetMs, isOff: () => isOff, close: () => { clearInterval(timer) } }
}
