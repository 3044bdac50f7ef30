import type { NodeId } from '../../shared/names.js'
import { createRingBuilder, type RingMember } from '../../shared/ring.js'
import type { Dispatch, MemberState } from '../dispatch/dispatch.js'
import type { Rings } from './assignment.js'

export interface MemberRings extends Rings {
  readonly urls: ReadonlyMap<NodeId, string>
}

/** The rings of the members as dispatch knows them now; made anew only when asked for after a change. */
export function createMemberRings (dispatch: Pick<Dispatch, 'members' | 'onMembers'>): { current: () => MemberRings, close: () => void } {
  const builders = { up: createRingBuilder(), suspect: createRingBuilder(), draining: createRingBuilder() }
  let rings: MemberRings | undefined
  const close = dispatch.onMembers(() => { rings = undefined })

  const build = (): MemberRings => {
    const members = dispatch.members()
    const of = (state: MemberState): RingMember[] => members.filter(member => member.state === state)
    return {
      up: builders.up(of('up')),
      suspect: builders.suspect(of('suspect')),
      draining: builders.draining(of('draining')),
      urls: new Map(members.map(({ id, url }) => [id, url]))
    }
  }
  return {
    current: () => rings ??= build(),
    close
  }
}
