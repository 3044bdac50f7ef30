/**
 * Gate's copy of the list of revocations. It has no store: each node's heartbeat says how far the node has read the log
 * (services/notifications/node/revocations.ts), and a Gate that is behind asks for the changes. Until it has caught up for the first
 * time it lets nobody in. Afterwards it goes on with what it knows: nodes check everybody again.
 *
 * | the nodes that are there | it knows |
 * | --- | --- |
 * | none | nothing, and there is nothing to be let in to |
 * | all of version 0.1, which never say | that nobody is revoked |
 * | none has read the log (`null`) | nothing |
 * | one or more have | what they have, once it has asked one of them |
 */
import { askNode } from '../../shared/contract/node-rpc.js'
import { GatepostError } from '../../shared/contract/errors.js'
import type { NodeId } from '../../shared/contract/names.js'
import { createRevocations, type Revocations } from '../../shared/contract/revocations.js'
import type { Log } from '../../shared/platform/log.js'
import type { Dispatch, Member } from '../dispatch/dispatch.js'

export interface FollowedRevocations extends Pick<Revocations, 'check'> {
  /** Throws GP_NO_NODE where no node has answered yet. */
  page: Revocations['page']
  beforeOf: Revocations['beforeOf']
  /** What keeps this Gate from letting anybody in; undefined where nothing does. `check` throws GP_DISPATCH_UNAVAILABLE with it. */
  readonly missing: string | undefined
  /** Resolves once all that this node knows is in force here. Rejects as `dispatch.ask` does. */
  catchUp: (node: NodeId) => Promise<void>
  close: () => void
}

const page = 1_000
/** Who is silent for longer is passed over: others may know it too. */
const askMs = 500

type Knowledge = 'known' | 'no node' | 'unread' | 'behind'
const texts: Record<Knowledge, string | undefined> = {
  known: undefined,
  'no node': undefined,
  unread: 'no node has read who is revoked yet',
  behind: 'this Gate does not know yet who is revoked'
}

export function followRevocations ({ dispatch, log }: { dispatch: Pick<Dispatch, 'ask' | 'members' | 'hasConverged' | 'onHeartbeat'>, log: Log }): FollowedRevocations {
  let list = createRevocations()
  let wasKnown = false
  let isAsking = false
  /** They gave no answer in the last round in which one gave none: asked after the others. */
  let silent: ReadonlySet<NodeId> = new Set()

  async function catchUp (node: NodeId, timeoutMs?: number): Promise<void> {
    const known = list
    let reading = known
    for (let hasMore = true; hasMore;) {
      const { changes, more, isShorter } = await askNode(dispatch, node, 'revocations-after', { seq: reading.seq, limit: page }, timeoutMs)
      if (isShorter === true) reading = createRevocations()
      for (const change of changes) reading.apply(change)
      hasMore = more
    }
    if (reading !== known) list = reading
  }

  const there = (): Member[] => dispatch.members().filter(({ state }) => state !== 'down')

  /** Who knows more; where all know less (the store may have been restored), any of them. */
  function nextToAsk (failed: ReadonlySet<NodeId>): NodeId | undefined {
    const saying = there().flatMap(({ id, revocations }) => typeof revocations === 'number' ? [{ id, seq: revocations }] : [])
    const isLessEverywhere = saying.every(({ seq }) => seq < list.seq)
    const able = saying.filter(({ id, seq }) => (isLessEverywhere || seq > list.seq) && !failed.has(id))
    return (able.find(({ id }) => !silent.has(id)) ?? able[0])?.id
  }

  /** Asks one after the other until one has answered; again at the next heartbeat. */
  async function follow (): Promise<void> {
    if (isAsking) return
    isAsking = true
    const failed = new Set<NodeId>()
    for (let node = nextToAsk(failed); node !== undefined; node = nextToAsk(failed)) {
      try {
        await catchUp(node, askMs)
        break
      } catch (error) {
        log.debug({ err: error, member: node }, 'a node did not tell who is revoked: the next one, or again at a heartbeat')
        failed.add(node)
      }
    }
    if (failed.size > 0) silent = failed
    isAsking = false
  }
  const stop = dispatch.onHeartbeat(({ revocations }) => { if (typeof revocations === 'number' && revocations !== list.seq) void follow() })

  function knowledge (): Knowledge {
    if (wasKnown) return 'known'
    const said = there().map(({ revocations }) => revocations)
    if (said.length === 0) return 'no node'
    if (!dispatch.hasConverged) return 'behind'
    const seqs = said.filter(seq => typeof seq === 'number')
    if (seqs.length === 0 && said.includes(null)) return 'unread'
    if (seqs.some(seq => seq > list.seq)) return 'behind'
    wasKnown = true
    return 'known'
  }

  return {
    get missing () { return texts[knowledge()] },
    page: (limit, after) => {
      if (knowledge() === 'no node') throw new GatepostError('GP_NO_NODE', 'no node is there that knows who is revoked')
      return list.page(limit, after)
    },
    beforeOf: (kind, name) => list.beforeOf(kind, name),
    check: (scopes, name, issuedAt) => {
      const missing = texts[knowledge()]
      if (missing !== undefined) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', missing)
      list.check(scopes, name, issuedAt)
    },
    catchUp: async node => { await catchUp(node) },
    close: stop
  }
}
