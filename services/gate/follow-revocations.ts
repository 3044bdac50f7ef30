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

const lookEachMs = 100
const page = 1_000

export function followRevocations ({ dispatch, log }: { dispatch: Pick<Dispatch, 'ask' | 'members' | 'hasSettled'>, log: Log }): FollowedRevocations {
  const list = createRevocations()
  let isKnown = false
  let isAsking = false

  async function catchUp (node: Member['id']): Promise<void> {
    for (let hasMore = true; hasMore;) {
      const { changes, more } = await askNode(dispatch, node, 'revocations-after', { seq: list.seq, limit: page })
      for (const change of changes) list.apply(change)
      hasMore = more
    }
  }

  /** The member that has read furthest; those of version 0.1 do not say. */
  function furthest (): Member | undefined {
    let best: Member | undefined
    for (const member of dispatch.members()) {
      if (member.state !== 'down' && (member.revocations ?? 0) > (best?.revocations ?? list.seq)) best = member
    }
    return best
  }

  async function look (): Promise<void> {
    const ahead = furthest()
    if (ahead === undefined) {
      isKnown ||= dispatch.hasSettled
      return
    }
    isAsking = true
    try {
      await catchUp(ahead.id)
    } catch (error) {
      log.debug({ err: error, member: ahead.id }, 'a node did not tell who is revoked: again in a moment')
    }
    isAsking = false
  }
  const timer = setInterval(() => { if (!isAsking) void look() }, lookEachMs).unref()

  return {
    get isKnown () { return isKnown },
    page: list.page,
    check: (scopes, name, issuedAt) => {
      // Where no node is there is nothing to be let in to.
      if (!isKnown && dispatch.members().length > 0) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'this Gate has just started and does not know yet who is revoked')
      list.check(scopes, name, issuedAt)
    },
    catchUp,
    close: () => { clearInterval(timer) }
  }
}
