/** What of the state is shown: messages with the wishes in them, under the days on which they came. */
import type { Message } from '../../protocol.js'
import { changedBy, type Change } from './change.js'
import type { State } from './state.js'
import { belongsIn, isUnread } from './tab.js'

export type Item =
  | { readonly kind: 'day', readonly key: string, readonly atMs: number }
  | { readonly kind: 'message', readonly key: string, readonly message: Message, /** From 1. */ readonly place: number }

/** Such as 2026-11-30, in the reader's time. */
export const dayOf = (date: Date): string => `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`

/** All that is wished of a message: the later one counts. */
export const wishedOf = (wishes: State['wishes'], id: string): Change | undefined =>
  wishes.get(id)?.reduce<Change>((all, { change }) => ({ ...all, ...change }), {})

export function visibleMessages ({ list, wishes, tab }: Pick<State, 'list' | 'wishes' | 'tab'>): readonly Message[] {
  if (wishes.size === 0) return list.messages
  return list.messages.flatMap(message => {
    const wished = wishedOf(wishes, message.id)
    if (wished === undefined) return message
    const changed = changedBy(message, wished)
    return wished.deleted === true || !belongsIn(tab, changed) ? [] : changed
  })
}

export function itemsOf (messages: readonly Message[]): Item[] {
  const items: Item[] = []
  let day: string | undefined
  for (const [index, message] of messages.entries()) {
    const at = new Date(message.createdAt)
    const its = dayOf(at)
    if (its !== day) items.push({ kind: 'day', key: `day:${its}:${index === 0 ? 'first' : message.id}`, atMs: at.getTime() })
    day = its
    items.push({ kind: 'message', key: message.id, message, place: index + 1 })
  }
  return items
}

/** While the node cannot be asked, what was read here is not counted any more. */
export function unreadShown ({ unread, connection, wishes, list }: State): number {
  if (connection === 'live' || wishes.size === 0) return unread.unread
  const less = list.messages.filter(message => {
    const change = wishedOf(wishes, message.id)
    return change !== undefined && isUnread(message) && (change.read === true || change.archived === true || change.deleted === true)
  })
  return Math.max(0, unread.unread - less.length)
}

/** Without a session nothing can be asked. */
export const hasEnded = ({ connection }: Pick<State, 'connection'>): boolean => connection === 'closed' || connection === 'idle'

/** The same result for the same arguments as the last time. */
export function memo<A extends readonly unknown[], R> (work: (...args: A) => R): (...args: A) => R {
  let last: { args: A, result: R } | undefined
  return (...args) => {
    if (last === undefined || args.some((arg, i) => arg !== last?.args[i])) last = { args, result: work(...args) }
    return last.result
  }
}
