/** What may change of a message: told by an entry, or wished here and not answered yet. */
import type { ChangeEntry, Message } from '../../protocol.js'

export interface Change {
  readonly read?: boolean
  readonly archived?: boolean
  readonly deleted?: boolean
  readonly recalled?: boolean
  readonly acted?: string
}

/** How the sender is shown goes with what the sender said. */
const nobody = { name: null, picture: null }

export function changedBy (message: Message, { read, archived, recalled, acted }: Change): Message {
  return {
    ...message,
    ...(read === undefined ? {} : { read }),
    ...(archived === undefined ? {} : { archived }),
    ...(acted === undefined ? {} : { acted }),
    ...(recalled === true ? { recalled: true, read: true, from: { ...message.from, ...nobody }, title: null, body: null, data: null, url: null, actions: null } : {})
  }
}

export function concerns (change: Pick<ChangeEntry, 'ids' | 'readTo' | 'category'>, { id, stream, seq, category }: Message): boolean {
  if (change.ids !== undefined) return change.ids.includes(id)
  const to = change.readTo?.[stream]
  return to !== undefined && seq <= to && (change.category === undefined || change.category === category)
}
