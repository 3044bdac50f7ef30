/** What can be done to one message. */
import type { Message } from '../../protocol.js'
import { urlOf } from '../model/carried.js'
import type { State } from '../model/state.js'
import type { Context } from './context.js'
import type { MenuItem } from './menu.js'

const recallableMs = 2 * 60_000

export const canRecall = (message: Message, nowMs = Date.now()): boolean =>
  message.boxes.includes('sent') && !message.recalled && nowMs - Date.parse(message.createdAt) < recallableMs

export function messageItems (message: Message, { tab, picked }: State, { texts, wanted }: Context): MenuItem[] {
  const isReceived = tab !== 'sent' && message.boxes.includes('inbox')
  const items: Array<MenuItem | false> = [
    urlOf(message, document.baseURI) !== undefined && { label: texts.show, icon: 'show', act: () => { wanted.read(message) } },
    // What was taken back is never unread.
    isReceived && !message.recalled && {
      label: message.read ? texts.markUnread : texts.markRead, icon: message.read ? 'unread' : 'read', act: () => { wanted.perform(message.read ? 'markUnread' : 'markRead', [message]) }
    },
    isReceived && { label: message.archived ? texts.unarchive : texts.archive, icon: 'archive', act: () => { wanted.perform(message.archived ? 'unarchive' : 'archive', [message]) } },
    canRecall(message) && { label: texts.takeBack, icon: 'recall', act: () => { wanted.recall(message) } },
    picked === undefined && { label: texts.select, icon: 'select', act: () => { wanted.pick(new Set([message.id])) } },
    { label: texts.remove, icon: 'remove', isDanger: true, act: () => { wanted.perform('remove', [message]) } }
  ]
  return items.filter(item => item !== false)
}
