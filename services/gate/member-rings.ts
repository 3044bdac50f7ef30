import type { NodeId } from '../../shared/contract/names.js'
import { createRingBuilder } from '../../shared/contract/ring.js'
import { isStoreAway, type Dispatch, type Member, type MemberState } from '../dispatch/dispatch.js'
import type { Rings } from './assignment.js'
import { nodeAddress, type NodeAddress } from './node-address.js'

export interface MemberRings extends Rings {
  readonly addresses: ReadonlyMap<NodeId, NodeAddress>
}

/**
 * The rings of the members as dispatch knows them at this moment (not when it next tells of a change: who was shown that
 * a node drains must not be assigned to it). Made anew only where something that they depend on has changed.
 */
export function createMemberRings (dispatch: Pick<Dispatch, 'members'>): () => MemberRings {
  const builders = { up: createRingBuilder(), suspect: createRingBuilder(), clockOff: createRingBuilder(), draining: createRingBuilder() }
  let seen: readonly Member[] = []
  let rings: MemberRings | undefined

  const build = (members: readonly Member[]): MemberRings => {
    const of = (state: MemberState): Member[] => members.filter(member => member.state === state)
    return {
      up: builders.up(of('up')),
      suspect: builders.suspect(of('suspect')),
      clockOff: builders.clockOff(of('draining').filter(({ isClockOff }) => isClockOff)),
      draining: builders.draining(of('draining')),
      storeless: new Set(members.filter(isStoreAway).map(({ id }) => id)),
      addresses: new Map(members.map(({ id, url }) => [id, nodeAddress(url)]))
    }
  }
  return () => {
    const members = dispatch.members()
    if (rings === undefined || !isSameFor(members, seen)) rings = build(members)
    seen = members
    return rings
  }
}

/** The list is another one after every heartbeat; what rings depend on seldom is. */
function isSameFor (members: readonly Member[], before: readonly Member[]): boolean {
  return members === before || (members.length === before.length && members.every((member, at) => {
    const was = before[at]
    return was === member || (was !== undefined && was.id === member.id && was.state === member.state && was.isClockOff === member.isClockOff && was.weight === member.weight && was.url === member.url && was.load.store === member.load.store)
  }))
}
