/**
 * What happened to the nodes as this Gate saw it, the last ones in memory. Another Gate may have seen it a moment earlier or later, and one that was
 * started since has not seen it at all: so it says since when it watches.
 */
import type { MemberEvent, MemberState } from '../../dispatch/dispatch.js'

export const happeningKinds = ['found', 'joined', 'suspect', 'healed', 'draining', 'drained', 'returned', 'left', 'died', 'restarted', 'link-lost', 'link-back'] as const
/**
 * | kind | means |
 * | --- | --- |
 * | `found` | it was there when this Gate started |
 * | `joined` | it came, or came back |
 * | `suspect`, `healed` | silent for a moment; heard again |
 * | `draining`, `drained`, `returned` | it takes no new users; its last socket has gone; it takes users again |
 * | `left`, `died` | it said goodbye; it fell silent |
 * | `restarted` | another life under the same id took its place |
 * | `link-lost`, `link-back` | this Gate's own link to the nodes |
 */
export type HappeningKind = typeof happeningKinds[number]

export interface Happening {
  /** Ms since 1970. */
  readonly at: number
  readonly kind: HappeningKind
  /** Null: it concerns this Gate. */
  readonly node: string | null
}

export interface Happenings {
  add: (kind: HappeningKind, node: string | null) => void
  /** `isSettled`: this Gate has heard all that were there when it started. */
  addMemberEvent: (event: MemberEvent, isSettled: boolean) => void
  /** Newest first. */
  list: () => readonly Happening[]
  /** Ms since 1970. */
  readonly since: number
}

const kept = 200

export function createHappenings ({ now }: { now: () => number }): Happenings {
  const since = now()
  const happenings: Happening[] = []
  /** A node that came is `draining` until it is ready, and then takes users for the first time. */
  const drained = new Set<string>()
  const add: Happenings['add'] = (kind, node) => {
    happenings.unshift({ at: now(), kind, node })
    if (happenings.length > kept) happenings.pop()
  }
  return {
    add,
    addMemberEvent (event, isSettled) {
      const kind = kindOf(event, isSettled)
      if (kind === undefined || (kind === 'returned' && !drained.has(event.node))) return
      if (kind === 'draining' || kind === 'found') drained.add(event.node)
      else if (kind !== 'suspect' && kind !== 'healed') drained.delete(event.node)
      add(kind, event.node)
    },
    list: () => happenings,
    since
  }
}

function kindOf (event: MemberEvent, isSettled: boolean): HappeningKind | undefined {
  switch (event.kind) {
    case 'appeared': return isSettled ? 'joined' : 'found'
    case 'changed': return changeOf(event.from, event.to)
    case 'lifeEnded': return ({ silence: 'died', bye: 'left', replaced: 'restarted' } as const)[event.reason]
    case 'forgotten': return undefined
  }
}

/** That it is down, the end of its life has said already. */
function changeOf (from: MemberState, to: MemberState): HappeningKind | undefined {
  if (to === 'suspect' || to === 'draining') return to
  if (to === 'up') return from === 'suspect' ? 'healed' : from === 'draining' ? 'returned' : undefined
  return undefined
}
