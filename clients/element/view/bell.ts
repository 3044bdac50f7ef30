import { button, icon, make, setLabel, setText } from '../dom.js'
import type { State } from '../model/state.js'
import { hasEnded, unreadShown } from '../model/view-state.js'
import type { Context } from './context.js'

export interface BellView {
  readonly element: HTMLButtonElement
  /** Read out by screen readers, shown nowhere. */
  readonly spoken: HTMLElement
  render (state: State): void
}

export function createBell ({ texts, wanted }: Context): BellView {
  const badge = make('span', { class: 'badge', 'aria-hidden': 'true', part: 'badge' })
  const element = button('bell', texts.bell(0), () => { wanted.toggle() }, make('slot', { name: 'bell' }, icon('bell')), badge, make('span', { class: 'cut', 'aria-hidden': 'true' }))
  element.setAttribute('part', 'bell')
  element.setAttribute('aria-haspopup', 'dialog')
  element.setAttribute('aria-controls', 'panel')
  const spoken = make('div', { class: 'spoken', role: 'status', 'aria-live': 'polite' })
  return {
    element,
    spoken,
    render (state) {
      const unread = unreadShown(state)
      badge.hidden = unread === 0
      setText(badge, unread > 99 ? '99+' : String(unread))
      const isCut = state.connection === 'offline' || hasEnded(state)
      element.classList.toggle('off', isCut)
      setLabel(element, isCut ? `${texts.bell(unread)} (${texts.offlineBell})` : texts.bell(unread))
      element.setAttribute('aria-expanded', String(state.isOpen))
    }
  }
}
