/** The actions that a message offers, and the one that was chosen. */
import type { Message } from '../../protocol.js'
import { button, icon, make } from '../dom.js'
import { actedOf, actionsOf } from '../model/carried.js'
import { safeUrl } from '../model/links.js'
import type { Context } from './context.js'

/** `isOwn`: the user's own message: its actions are for the receiver. */
export function choices (into: HTMLElement, message: Message, { texts, wanted }: Context, isOwn: boolean): void {
  const actions = actionsOf(message)
  const acted = actedOf(message)
  into.hidden = actions.length === 0 && acted === undefined
  if (into.hidden) return into.replaceChildren()
  if (acted !== undefined) {
    const chosen = actions.find(({ id }) => id === acted)
    into.replaceChildren(make('span', { class: 'chosen', dir: 'auto' }, icon('check'), texts.chosen(chosen?.label ?? acted)))
    return
  }
  into.replaceChildren(...actions.map((action, index) => {
    const className = `choice${index === 0 ? ' first' : ''}`
    const href = safeUrl(action.url, document.baseURI)
    const element = href === undefined
      ? button(className, action.label, event => { wanted.choose(message, action, event) })
      : make('a', { class: className, href, rel: 'noopener noreferrer' }, action.label)
    element.dir = 'auto'
    if (href !== undefined) element.addEventListener('click', event => { wanted.choose(message, action, event as MouseEvent) })
    if (isOwn && element instanceof HTMLButtonElement) element.disabled = true
    return element
  }))
}
