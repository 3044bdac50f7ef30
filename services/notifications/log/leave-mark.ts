/**
 * Who left a group, in the group's own stream. A leave lies in the user's stream, and a node may not hear of it: NATS is
 * away, or a broadcast is lost. But no node hands out an entry of the group without having passed all before it in the
 * chain. So a leave is answered only once it is marked there as well: whatever is posted after that lies behind the mark, and
 * whoever comes to the mark stops handing the group to those it names. No reader is shown it.
 */
import { createMessageId, type Clock } from '../../../shared/contract/clock.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { LogDoc } from '../../../shared/store/store.js'
import type { EntryDraft } from './entry.js'

export interface Leave {
  /** The token of the user's own stream (`streamToken`): a group's stream tells nobody's name. */
  readonly token: string
  /** The seq of the entry in the user's own stream that says so. */
  readonly seq: number
}

/** Resolves once the leave is marked in the group's stream. Rejects as an append does. */
export type MarkLeave = (group: StreamId, leave: Leave) => Promise<void>

/** Leaves that come while a mark of the same group is under way share the next one: a group that is emptied has few marks. */
const maxLeaves = 500

export function createLeaveMarks ({ clock, append }: { clock: Clock, append: (stream: StreamId, draft: EntryDraft) => Promise<unknown> }): MarkLeave {
  /** By group, the leaves that wait and the mark that will have them. */
  const next = new Map<StreamId, { readonly left: Leave[], readonly marked: Promise<unknown> }>()
  const underWay = new Map<StreamId, Promise<unknown>>()

  async function mark (group: StreamId, left: readonly Leave[], before: Promise<unknown>): Promise<void> {
    await before.catch(() => {})
    if (next.get(group)?.left === left) next.delete(group)
    await append(group, draftOf(clock, left))
  }

  return async (group, leave) => {
    const waiting = next.get(group)
    if (waiting !== undefined && waiting.left.length < maxLeaves) {
      waiting.left.push(leave)
      await waiting.marked
      return
    }
    const left = [leave]
    const marked = mark(group, left, underWay.get(group) ?? Promise.resolve())
    next.set(group, { left, marked })
    underWay.set(group, marked)
    try { await marked } finally { if (underWay.get(group) === marked) underWay.delete(group) }
  }
}

function draftOf (clock: Clock, left: readonly Leave[]): EntryDraft {
  // Expired from the beginning: to every reader, of any version, there is nothing.
  return { kind: 'log', id: createMessageId(clock.tick(), undefined), expiresAt: 0, text: JSON.stringify({ left: left.map(({ token, seq }) => [token, seq]) }) }
}

/** None where the entry is something else: what later versions write is passed over. */
export function leavesIn ({ text }: Pick<LogDoc, 'text'>): Leave[] {
  try {
    return (JSON.parse(text) as { left: ReadonlyArray<[string, number]> }).left.map(([token, seq]) => ({ token, seq }))
  } catch { return [] }
}
