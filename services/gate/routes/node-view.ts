/** A node as admins are shown it. */
import { Type, type Static } from 'typebox'
import { Time } from '../../../shared/contract/wire.js'
import type { Member } from '../../dispatch/dispatch.js'

const State = Type.Union([Type.Literal('up'), Type.Literal('suspect'), Type.Literal('draining'), Type.Literal('down')])

export const NodeView = Type.Object({
  id: Type.String(),
  url: Type.String(),
  state: State,
  weight: Type.Number(),
  version: Type.String(),
  startedAt: Time,
  lastSeen: Time,
  sockets: Type.Integer(),
  users: Type.Integer(),
  messagesPerSecond: Type.Number(),
  eventLoopLagMs: Type.Number(),
  rssBytes: Type.Integer(),
  store: Type.String(),
  dispatch: Type.String(),
  ringShare: Type.Number({ description: 'Its part of the ring, 0 to 1; 0 for one that is not up.' })
})
export type NodeView = Static<typeof NodeView>

/** `shares`: of the ring of those that are up. */
export function viewOfNode ({ id, url, state, weight, version, startedAt, lastSeen, load }: Member, shares: ReadonlyMap<string, number>): NodeView {
  const { sockets, users, messagesPerSecond, eventLoopLagMs, rssBytes, store, dispatch } = load
  return {
    id, url, state, weight, version,
    startedAt: new Date(startedAt).toISOString(),
    lastSeen: new Date(lastSeen).toISOString(),
    sockets, users, messagesPerSecond, eventLoopLagMs, rssBytes, store, dispatch,
    ringShare: shares.get(id) ?? 0
  }
}

/** How a route for admins refuses whoever is none. */
export const adminRefusals = ['GP_TOKEN_MISSING', 'GP_TOKEN_INVALID', 'GP_TOKEN_EXPIRED', 'GP_TOKEN_REVOKED', 'GP_SCOPE'] as const
