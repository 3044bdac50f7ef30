/** What the list may show. A tab is a question to the node, and the same question to a message that came live. */
import type { Change } from './change.js'
import type { ListQuery, Message } from '../../protocol.js'

export type Tab = 'all' | 'unread' | 'archived' | 'sent' | `category:${string}`

export const categoryOf = (tab: Tab): string | undefined => tab.startsWith('category:') ? tab.slice('category:'.length) : undefined

export function queryOf (tab: Tab): ListQuery {
  const category = categoryOf(tab)
  if (category !== undefined) return { box: 'inbox', category }
  if (tab === 'unread') return { box: 'inbox', unread: true }
  return { box: tab === 'archived' || tab === 'sent' ? tab : 'inbox' }
}

export const isUnread = (message: Message): boolean =>
  message.boxes.includes('inbox') && !message.read && !message.recalled

export function belongsIn (tab: Tab, message: Message): boolean {
  if (tab === 'sent') return message.boxes.includes('sent')
  if (!message.boxes.includes('inbox') || message.archived !== (tab === 'archived')) return false
  if (tab === 'unread') return isUnread(message)
  const category = categoryOf(tab)
  return category === undefined || message.category === category
}

/** Whether a change could bring messages into the tab that are not at hand. */
export function mayComeIn (tab: Tab, { archived, read }: Change): boolean {
  if (tab === 'sent') return false
  return archived === (tab === 'archived') || (tab === 'unread' && read === false)
}
