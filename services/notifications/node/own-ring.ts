/** The ring as this node has it, built anew of the members that are `up` whenever they change: every Gate builds the same. */
import { LRUCache } from 'lru-cache'
import type { NodeId, StreamId, UserId } from '../../../shared/contract/names.js'
import { createRingBuilder, ringName, type Ring } from '../../../shared/contract/ring.js'
import { isStoreAway, type Dispatch, type Member } from '../../dispatch/dispatch.js'

export interface OwnRing {
  /** The node that the ring gives to a stream; undefined where there is none. */
  ownerOf: (stream: StreamId) => NodeId | undefined
  /** The same for who is to append to it: undefined also where that node has lost the store, which this one may still reach. */
  appenderOf: (stream: StreamId) => NodeId | undefined
  /** The same for a user's sockets. */
  nodeOf: (user: UserId) => NodeId | undefined
  /** Whether the ring gave a stream to this node when it was last on it: it leaves the ring as soon as it is silent. */
  givenTo: (node: NodeId) => (stream: StreamId) => boolean
  close: () => void
}

const maxOwners = 100_000

export function createOwnRing (dispatch: Pick<Dispatch, 'members' | 'onMembers' | 'onHeartbeat' | 'onMemberEvent'>): OwnRing {
  const buildRing = createRingBuilder()
  let ring: Ring = buildRing([])
  /** Of the streams asked for since the ring was built: a look-up costs a hash. */
  const owners = new LRUCache<StreamId, NodeId>({ max: maxOwners })

  function rebuild (members: readonly Member[]): void {
    ring = buildRing(members.filter(({ state }) => state === 'up'))
    owners.clear()
  }
  function ownerOf (stream: StreamId): NodeId | undefined {
    let owner = owners.get(stream)
    if (owner === undefined) owners.set(stream, owner = ring.assign(ringName(stream)))
    return owner
  }

  const storeless = new Set<NodeId>()
  const stops = [
    dispatch.onMembers(rebuild),
    dispatch.onHeartbeat(member => {
      if (isStoreAway(member)) storeless.add(member.id)
      else storeless.delete(member.id)
    }),
    dispatch.onMemberEvent(({ kind, node }) => { if (kind === 'lifeEnded') storeless.delete(node) })
  ]
  rebuild(dispatch.members())

  return {
    ownerOf,
    appenderOf: stream => {
      const owner = ownerOf(stream)
      return owner === undefined || storeless.has(owner) ? undefined : owner
    },
    nodeOf: user => ring.assign(user),
    givenTo: node => {
      const former = buildRing(dispatch.members().filter(({ id, state }) => id === node || state === 'up'))
      return stream => former.assign(ringName(stream)) === node
    },
    close: () => { for (const stop of stops) stop() }
  }
}
