/** What a Gate remembers for its dashboard: figures of the last 15 minutes, what happened, drains, the other Gates. All of it in memory of bounded size. */
import type { Clock } from '../../../shared/contract/clock.js'
import type { GateAnnouncement } from '../../../shared/contract/node-rpc.js'
import type { Dispatch, Member } from '../../dispatch/dispatch.js'
import type { Rings } from '../assignment.js'
import { createDrains, type Drains } from './drains.js'
import { createFellowGates, type FellowGates } from './fellow-gates.js'
import { createHappenings, type Happenings } from './happenings.js'
import { createHistory, stepMs, type History } from './history.js'

export interface Watch {
  readonly history: Pick<History, 'view' | 'member'>
  readonly happenings: Pick<Happenings, 'list' | 'since'>
  readonly drains: Pick<Drains, 'of'>
  readonly gates: Pick<FellowGates, 'list'>
  close: () => void
}

export interface WatchOptions {
  readonly dispatch: Pick<Dispatch, 'ask' | 'hasConverged' | 'isConnected' | 'onHeartbeat' | 'onMemberEvent' | 'onConnected'>
  readonly rings: () => Rings
  readonly clock: Pick<Clock, 'now' | 'elapsed'>
  /** What this Gate tells of itself now. */
  readonly own: () => GateAnnouncement
}

export function watchCluster ({ dispatch, rings, clock, own }: WatchOptions): Watch {
  const history = createHistory()
  const happenings = createHappenings(clock)
  const drains = createDrains()
  const gates = createFellowGates({ own, dispatch, rings, elapsed: clock.elapsed })

  /** It begins without a link, and nothing was lost with that. */
  let wasLost = false

  const heard = (member: Member): void => {
    const { id, load: { messagesPerSecond, sockets, eventLoopLagMs, rssBytes, process, refusalsPerSecond = 0 } } = member
    history.heard({ id, process, messagesPerSecond, sockets, refusalsPerSecond, eventLoopLagMs, rssBytes })
    if (drains.heard(member, clock.now())) happenings.add('drained', id)
  }
  function step (): void {
    for (const { id, process, eventLoopLagMs, rssBytes, refusalsPerSecond } of gates.list()) {
      history.heard({ id, process, messagesPerSecond: 0, sockets: 0, refusalsPerSecond, eventLoopLagMs, rssBytes })
    }
    history.step(clock.now())
    void gates.meet()
  }

  const ends = [
    dispatch.onHeartbeat(heard),
    dispatch.onMemberEvent(event => {
      happenings.addMemberEvent(event, dispatch.hasConverged)
      if (event.kind === 'lifeEnded') drains.forget(event.node)
      if (event.kind === 'lifeEnded' || (event.kind === 'changed' && event.to === 'suspect')) history.silent(event.node)
    }),
    dispatch.onConnected(isConnected => {
      if (isConnected && wasLost) happenings.add('link-back', null)
      if (!isConnected && !wasLost) happenings.add('link-lost', null)
      wasLost = !isConnected
    })
  ]
  const timer = setInterval(step, stepMs).unref()
  return {
    history, happenings, drains, gates,
    close: () => {
      clearInterval(timer)
      for (const end of ends) end()
    }
  }
}
