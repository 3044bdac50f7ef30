/** What a message may carry besides its text. A node of an earlier version leaves it out. */
import type { Action, Message } from '../../protocol.js'
import { safeUrl } from './links.js'

type Loose = Partial<Pick<Message, 'url' | 'actions' | 'acted'>>

/** Where a click on the message leads, made absolute; undefined where there is no such place, or none that may be followed. */
export const urlOf = (message: Message, base: string): string | undefined => safeUrl((message as Loose).url, base)

export const actionsOf = (message: Message): readonly Action[] => {
  const { actions } = message as Loose
  return message.recalled || !Array.isArray(actions) ? [] : actions.slice(0, 3)
}

/** The id of the action that was chosen. */
export const actedOf = (message: Message): string | undefined => (message as Loose).acted ?? undefined
