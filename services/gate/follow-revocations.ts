/**
 * Gate's copy of the list of revocations. It has no store: each node's heartbeat says how far the node has read the log
 * (services/notifications/node/revocations.ts), and a Gate that is behind asks for the changes. Until it has caught up for the first
 * time it lets nobody in. Afterwards it goes on with what it knows: nodes check everybody again.
 */
import { askNode } from '../../shared/contract/node-rpc.js'
import { GatepostError } from '../../shared/contract/errors.js'
import { createRevocations, type Revocations } from '../../shared/contract/revocations.js'
import type { Log } from '../../shared/platform/log.js'
import type { Dispatch, Member } from '../dispatch/dispatch.js'

export interface FollowedRevocations extends Pick<Revocations, 'page'> {
  readonly isKnown: boolean
  /** GP_TOKEN_REVOKED; GP_DISPATCH_UNAVAILABLE until the list is known. */
  check: Revocations['check']
  /** Resolves once all that this node knows is in force here. Rejects as `dispatch.ask` does. */
  catchUp: (node: Member['id']) => Promise<void>
  close: () => void
}

const page = 1_000
/** Who is silent for longer is passed over: others may know it too. */
const askMs = 500

export function followRevocations ({ dispatch, log }: { dispatch: Pick<Dispatch, 'ask' | 'members' | 'hasConverged' | 'onHeartbeat'>, log: Log }): FollowedRevocations {
  const list = createRevocations()
  let hasCaughtUp = false
  let isAsking = false

  async function catchUp (node: Member['id'], timeoutMs?: number): Promise<void> {
    for (let hasMore = true; hasMore;) {
      const { changes, more } = await askNode(dispatch, node, 'revocations-after', { seq: list.seq, limit: page }, timeoutMs)
      for (const change of changes) list.apply(change)
      hasMore = more
    }
  }

  /** Members of version 0.1 do not say. */
  const isAhead = ({ state, revocations = 0 }: Member): boolean => state !== 'down' && revocations > list.seq

  /** Who does not answer is asked again at a next heartbeat, and so is any other that is ahead. */
  async function follow (member: Member): Promise<void> {
    if (isAsking || !isAhead(member)) return
    isAsking = true
    try {
      await catchUp(member.id, askMs)
    } catch (error) {
      log.debug({ err: error, member: member.id }, 'a node did not tell who is revoked: again at the next heartbeat')
    }
    isAsking = false
  }
  const stop = dispatch.onHeartbeat(member => { void follow(member) })

  const isKnown = (): boolean => (hasCaughtUp ||= dispatch.hasConverged && !dispatch.members().some(isAhead))

  return {
    get isKnown () { return isKnown() },
    page: list.page,
    check: (scopes, name, issuedAt) => {
      // Where no node is there is nothing to be let in to.
      if (dispatch.members().length > 0 && !isKnown()) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'this Gate has just started and does not know yet who is revoked')
      list.check(scopes, name, issuedAt)
    },
    catchUp: async node => { await catchUp(node) },
    close: stop
  }
}
