/** The list that the component shows, as a fold: a page from REST, then the entries that came since it was asked for. */
import type { Box, ChangeEntry, Entry, Message } from '../protocol.js'

export interface Folded {
  readonly messages: readonly Message[]
  /** The entry concerns messages that are not at hand: the list is to be read again. */
  readonly isStale: boolean
}

export function belongsIn (box: Box, message: Message): boolean {
  if (box === 'sent') return message.boxes.includes('sent')
  return message.boxes.includes('inbox') && message.archived === (box === 'archived')
}

/** Newest first, ties by stream, each id once. */
export function merge (a: readonly Message[], b: readonly Message[]): Message[] {
  const byId = new Map([...a, ...b].map(message => [message.id, message]))
  return [...byId.values()].sort((x, y) => y.seq - x.seq || (x.stream < y.stream ? -1 : x.stream > y.stream ? 1 : 0))
}

/** `hasOlder`: there are older messages than those at hand, so one that belongs behind them is left to its page. */
export function fold (messages: readonly Message[], entry: Entry, box: Box, hasOlder = false): Folded {
  if (entry.type === 'message') {
    const last = messages.at(-1)
    if (!belongsIn(box, entry) || (hasOlder && last !== undefined && entry.seq < last.seq)) return { messages, isStale: false }
    return { messages: merge(messages, [entry]), isStale: false }
  }
  // What is gone has expired; which messages that were, only a new page tells. The same for a group joined or left.
  if (entry.type === 'gone' || entry.group !== undefined) return { messages, isStale: true }
  const changed = messages
    .filter(message => entry.deleted !== true || !concerns(entry, message))
    .map(message => concerns(entry, message) ? changedBy(entry, message) : message)
  const kept = changed.filter(message => belongsIn(box, message))
  // Archived, or taken out of the archive, on another device: it comes into this box from one that is not at hand.
  const comesIn = entry.archived !== undefined && box !== 'sent' && entry.archived === (box === 'archived') &&
    (entry.ids ?? []).some(id => !messages.some(message => message.id === id))
  return { messages: kept, isStale: comesIn }
}

function concerns (change: ChangeEntry, { id, stream, seq, category }: Message): boolean {
  if (change.ids !== undefined) return change.ids.includes(id)
  const to = change.readTo?.[stream]
  return to !== undefined && seq <= to && (change.category === undefined || change.category === category)
}

function changedBy ({ read, archived, recalled, acted }: ChangeEntry, message: Message): Message {
  return {
    ...message,
    ...(read === undefined ? {} : { read }),
    ...(archived === undefined ? {} : { archived }),
    ...(acted === undefined ? {} : { acted }),
    ...(recalled === true ? { recalled: true, read: true, from: { ...message.from, name: null, picture: null }, title: null, body: null, data: null, url: null, actions: null } : {})
  }
}
