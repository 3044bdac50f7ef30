/**
 * Which users' sockets belong here. When members come or go, sockets whose user the ring now gives to another node are asked
 * to `reassign`, gently. A drain hands all of them over within its time (drain.ts).
 *
 *   up → draining → up (undrain) | ended (the process stops)
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../../shared/contract/clock.js'
import type { Log } from '../../../shared/platform/log.js'
import type { NodeId } from '../../../shared/contract/names.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { ConnectedUsers } from '../realtime/connected-users.js'
import type { Connection } from '../realtime/connection.js'
import { startDrain, type Drain } from './drain.js'
import type { OwnRing } from './own-ring.js'

export interface Rebalancer {
  readonly state: 'up' | 'draining'
  /** Leaves the ring and asks every socket to move, evenly over the drain time; closes who has not by its end. Resolves then. */
  drain: () => Promise<void>
  undrain: () => void
  close: () => void
}

export interface RebalancerOptions {
  readonly nodeId: NodeId
  readonly dispatch: Pick<Dispatch, 'members' | 'onMembers' | 'announceNow'>
  readonly ring: Pick<OwnRing, 'nodeOf'>
  readonly users: ConnectedUsers
  readonly clock: Clock
  readonly log: Log
  readonly drainMs: number
}

const roundMs = 100
/** At most 100 a second. */
const movesPerRound = 10
/** None whose ticket is younger, none more often. */
const restMs = 60_000

export function createRebalancer ({ nodeId, dispatch, ring, users, clock, log, drainMs }: RebalancerOptions): Rebalancer {
  let state: 'up' | 'draining' = 'up'
  let round: NodeJS.Timeout | undefined
  let draining: Drain | undefined

  function scheduleRound (): void {
    round ??= setTimeout(moveSome, roundMs).unref()
  }
  const stopMembers = dispatch.onMembers(scheduleRound)

  /** Asks a few of those who belong elsewhere; goes on while somebody is left, also those who must rest first. */
  function moveSome (): void {
    round = undefined
    if (state !== 'up' || users.connectionCount === 0) return
    const at = clock.elapsed()
    const wallMs = clock.now()
    let moved = 0
    let isWaiting = false
    for (const connection of users.connections()) {
      if (connection.state === 'closed' || belongsHere(connection)) continue
      // Gate's clock may be ahead of this one: its ticket is at least as old as the socket.
      const ticketAgeMs = Math.max(wallMs - connection.ticketIssuedAt, at - connection.openedAt)
      if (ticketAgeMs < restMs || at - connection.reassignedAt < restMs) { isWaiting = true; continue }
      if (moved === movesPerRound) { isWaiting = true; break }
      moved++
      connection.reassignedAt = at
      connection.reassign('moved', Math.round(Math.random() * 1_000))
    }
    if (isWaiting) round = setTimeout(moveSome, moved > 0 ? roundMs : 1_000).unref()
  }

  const belongsHere = (connection: Connection): boolean => (ring.nodeOf(connection.user) ?? nodeId) === nodeId

  const hasOthers = (): boolean => dispatch.members().some(({ id, state }) => id !== nodeId && (state === 'up' || state === 'suspect'))

  /** Others hear of it at once. */
  function become (next: 'up' | 'draining'): void {
    state = next
    dispatch.announceNow()
  }

  function begin (): Drain {
    become('draining')
    log.info({ event: 'drain', sockets: users.connectionCount, drainMs }, 'draining')
    return startDrain({ users, elapsed: clock.elapsed, drainMs })
  }

  return {
    get state () { return state },
    drain: async () => {
      draining ??= begin()
      let hasEnded = false
      void draining.ended.then(() => { hasEnded = true })
      // Nobody to hand over to, or not any more: waiting would only keep the process.
      while (!hasEnded && hasOthers()) await pause(roundMs)
    },
    undrain: () => {
      draining?.stop()
      draining = undefined
      become('up')
      scheduleRound()
    },
    close: () => {
      stopMembers()
      clearTimeout(round)
      draining?.stop()
    }
  }
}
