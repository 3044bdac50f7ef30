/** Messages in the order in which they are shown: newest first. A batch of entries costs one pass over them, however many it holds. */
import type { ChangeEntry, Entry, Message } from '../../protocol.js'
import { changedBy, concerns } from './change.js'
import { belongsIn, mayComeIn, type Tab } from './tab.js'

/** Newest first, ties by stream. */
export const compare = (a: Message, b: Message): number => b.seq - a.seq || (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0)

/** Both sorted; of an id that is in both, the one of `b`. */
export function merge (a: readonly Message[], b: readonly Message[]): readonly Message[] {
  if (b.length === 0) return a
  if (a.length === 0) return b
  const replaced = new Set(b.map(({ id }) => id))
  const merged: Message[] = []
  let at = 0
  for (const message of a) {
    if (replaced.has(message.id)) continue
    for (; at < b.length && compare(b[at] as Message, message) < 0; at += 1) merged.push(b[at] as Message)
    merged.push(message)
  }
  for (; at < b.length; at += 1) merged.push(b[at] as Message)
  return merged
}

/** Sorted, each id once: the last one of it. */
export const sorted = (messages: readonly Message[]): Message[] => [...new Map(messages.map(message => [message.id, message])).values()].sort(compare)

export interface Folded {
  readonly messages: readonly Message[]
  /** How many messages came in that were not there. */
  readonly added: number
}

/** A change and how many of the batch came before it. */
interface Step { readonly change: ChangeEntry, readonly at: number }

/** What a batch of entries says, by the message that it concerns. */
interface Batch {
  readonly arrived: Map<string, { message: Message, at: number }>
  readonly byId: Map<string, Step[]>
  /** Up to a cursor, or of a group that was left. */
  readonly wide: Step[]
}

function read (entries: readonly Entry[]): Batch {
  const arrived: Batch['arrived'] = new Map()
  const byId: Batch['byId'] = new Map()
  const wide: Step[] = []
  for (const [at, entry] of entries.entries()) {
    if (entry.type === 'message') arrived.set(entry.id, { message: entry, at })
    else if (entry.type === 'gone') continue
    else if (entry.ids === undefined) wide.push({ change: entry, at })
    else {
      for (const id of entry.ids) {
        const steps = byId.get(id)
        if (steps === undefined) byId.set(id, [{ change: entry, at }])
        else steps.push({ change: entry, at })
      }
    }
  }
  return { arrived, byId, wide }
}

/** The message after the steps that came behind it; undefined where it is gone. */
function after (message: Message, from: number, { byId, wide }: Batch): Message | undefined {
  const own = byId.get(message.id)
  if (own === undefined && wide.length === 0) return message
  const steps = own === undefined ? wide : wide.length === 0 ? own : [...own, ...wide].sort((a, b) => a.at - b.at)
  let current = message
  for (const { change, at } of steps) {
    if (at < from) continue
    if (change.group !== undefined) {
      if (change.joined === false && message.stream === `g:${change.group}`) return undefined
    } else if (concerns(change, message)) {
      if (change.deleted === true) return undefined
      current = changedBy(current, change)
    }
  }
  return current
}

/** `hasOlder`: there are older messages than those at hand, so one that belongs behind them is left to its page. */
export function fold (messages: readonly Message[], entries: readonly Entry[], tab: Tab, hasOlder = false): Folded {
  const batch = read(entries)
  const last = messages.at(-1)
  const isTouched = batch.byId.size > 0 || batch.wide.length > 0
  const kept = isTouched ? messages.flatMap(message => after(message, -1, batch) ?? []).filter(message => belongsIn(tab, message)) : messages
  const fresh: Message[] = []
  for (const { message, at } of batch.arrived.values()) {
    const current = after(message, at, batch)
    if (current === undefined || !belongsIn(tab, current)) continue
    if (hasOlder && last !== undefined && compare(current, last) > 0) continue
    fresh.push(current)
  }
  const merged = merge(kept, fresh.sort(compare))
  return { messages: merged, added: merged.length - kept.length }
}

/**
 * What entries bring into the tab that is not at hand: `wanted` was taken out of the archive, or marked as unread, on another device.
 * `isStale`: something is gone, and only the node knows what.
 */
export function missingFrom (messages: readonly Message[], entries: readonly Entry[], tab: Tab): { wanted: string[], isStale: boolean } {
  const ids = entries.flatMap(entry => entry.type === 'change' && mayComeIn(tab, entry) ? entry.ids ?? [] : [])
  const known = ids.length === 0 ? undefined : new Set(messages.map(({ id }) => id))
  return { wanted: [...new Set(ids)].filter(id => known?.has(id) === false), isStale: entries.some(({ type }) => type === 'gone') }
}
