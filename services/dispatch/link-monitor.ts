/**
 * Whether this process's own link works, so that the silence of others means something. A server that hangs keeps
 * its connections open: only an answer proves the link. Time without an answer is counted in steps of this
 * process, because after a pause of its own the answer lies unread.
 */
import type { Bus } from './buses/bus.js'

export interface LinkMonitor {
  /** Called regularly with the (bounded) time since the last call; asks again where nothing is under way. */
  step: (elapsedMs: number) => boolean
}

export function createLinkMonitor ({ bus, longestSilenceMs }: { bus: Pick<Bus, 'isConnected' | 'roundTrip'>, longestSilenceMs: number }): LinkMonitor {
  let isAsking = false
  let unansweredMs = 0

  function ask (): void {
    isAsking = true
    bus.roundTrip().then(
      () => { unansweredMs = 0 },
      // A link that is lost shows in isConnected.
      () => undefined
    ).finally(() => { isAsking = false })
  }

  return {
    step (elapsedMs) {
      if (!bus.isConnected) {
        unansweredMs = 0
        return false
      }
      if (isAsking) unansweredMs += elapsedMs
      else ask()
      return unansweredMs <= longestSilenceMs
    }
  }
}
