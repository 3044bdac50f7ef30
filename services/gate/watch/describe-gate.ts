/** What this Gate tells the others of itself. */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../shared/contract/clock.js'
import type { GateAnnouncement } from '../../../shared/contract/node-rpc.js'
import type { Metrics } from '../../../shared/platform/metrics.js'
import { processId } from '../../../shared/platform/process-id.js'
import { createRateMeter } from '../../../shared/platform/rate-meter.js'

export interface OwnGate {
  readonly announce: () => GateAnnouncement
  listensAt: (url: string) => void
  close: () => void
}

export function describeGate ({ version, clock, metrics }: { version: string, clock: Pick<Clock, 'now'>, metrics: Pick<Metrics, 'requests' | 'refusals' | 'eventLoopLagMs' | 'rssBytes'> }): OwnGate {
  const id = `gate-${randomBytes(4).toString('hex')}`
  const startedAt = clock.now()
  const requests = createRateMeter(metrics.requests)
  const refusals = createRateMeter(metrics.refusals)
  let url = ''
  return {
    announce: () => ({
      id, url, version, startedAt,
      process: processId,
      requestsPerSecond: requests.perSecond(),
      refusalsPerSecond: refusals.perSecond(),
      eventLoopLagMs: Math.round(metrics.eventLoopLagMs * 100) / 100,
      rssBytes: metrics.rssBytes()
    }),
    listensAt: at => { url = at },
    close: () => {
      requests.close()
      refusals.close()
    }
  }
}
