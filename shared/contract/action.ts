/** What the receiver of a message can choose, once (docs/protocol.md "Actions"). */
import { Type, type Static } from 'typebox'
import { refusal } from './errors.js'
import { isName } from './names.js'
import { Label, Link } from './shown-text.js'
import { TextThat } from './validate.js'

export const maxActions = 3

/** It is a segment of a path, where `.` and `..` never arrive. */
const noDots = /^(?!\.{1,2}$)/
const isActionId = (value: unknown): value is string => isName(value) && noDots.test(value)

export const ActionId = TextThat('an action: 1 to 128 Unicode characters, none of them a control character, other than "." and ".."', isActionId, { pattern: noDots.source })
export const Action = Type.Object({ id: ActionId, label: Label, url: Type.Optional(Link) }, { additionalProperties: false, title: 'Action', description: '{id, label, url?}' })
export type Action = Static<typeof Action>
export const Actions = Type.Array(Action, { maxItems: maxActions, description: 'an array of at most 3 of {id, label, url?}, each id once' })

/** Throws GP_VALIDATION. */
export function requireUniqueIds (actions: readonly Action[]): void {
  for (const [i, { id }] of actions.entries()) {
    if (actions.findIndex(other => other.id === id) < i) throw refusal(`actions.${i}.id`, id, 'an id that no other action of the message has')
  }
}
