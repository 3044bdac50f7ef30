/**
 * What is behind the bell: shows a state, and tells what the user wants. Loaded when a page first needs it, so that a bell alone costs
 * no list.
 */
import { make } from '../dom.js'
import type { State } from '../model/state.js'
import { memo, visibleMessages } from '../model/view-state.js'
import type { Message } from '../../protocol.js'
import { panelSheet } from '../style/panel-sheet.js'
import type { BellView } from './bell.js'
import type { Context } from './context.js'
import { createHead } from './head.js'
import { handleKeys } from './keys.js'
import { createList } from './list.js'
import { createListArea } from './list-area.js'
import { createMenu } from './menu.js'
import { messageItems } from './message-menu.js'
import { createNotices } from './notices.js'
import { createPanel } from './panel.js'
import { createReading } from './reading.js'
import { createSelection } from './selection.js'
import { createTabs } from './tabs.js'
import { createToast } from './toast.js'

export interface View {
  render (state: State): void
  /** See Panel. */
  leave (): boolean
  /** The element leaves the page, and may come back. */
  suspend (): void
  /** The parts are taken out of the page for good. */
  close (): void
}

/** The user is in a field of the page: a panel that a script opens leaves the focus there. */
function isWriting (): boolean {
  let active = document.activeElement
  while (active?.shadowRoot?.activeElement != null) active = active.shadowRoot.activeElement
  return active?.matches('input, textarea, select, [contenteditable]') === true
}

export function createView (root: ShadowRoot, { element: bell, spoken }: BellView, context: Context): View {
  const { wanted } = context
  const menu = createMenu()
  const messages = memo(visibleMessages)
  let shown: State | undefined
  let visible: readonly Message[] = []

  const selection = createSelection(context, () => visible)
  const list = createList(context, selection.pick, (message, at, point) => { if (shown !== undefined) menu.open(messageItems(message, shown, context), at, point) })
  const tabs = createTabs(context)
  const notices = createNotices(context)
  const reading = createReading(context)
  const toast = createToast(context)
  const head = createHead(context, menu, () => visible.length > 0)
  const area = createListArea(context, list, notices)
  const panel = createPanel(bell, [head.element, tabs.element, selection.element, notices.line, area.element, reading.element, toast.element, make('slot', { name: 'footer' }), menu.element], () => { wanted.close() })
  if (!root.adoptedStyleSheets.includes(panelSheet())) root.adoptedStyleSheets.push(panelSheet())
  bell.after(panel.element)
  const stopKeys = handleKeys({ root, panel, menu, wanted, state: () => shown })

  function renderPanel (state: State): void {
    visible = messages(state)
    const isReading = state.selected !== undefined
    const isPicking = state.picked !== undefined && !isReading
    head.render(state)
    head.element.hidden = isPicking
    tabs.element.hidden = isReading || isPicking
    area.element.hidden = isReading
    reading.element.hidden = !isReading
    tabs.render(state, area.element)
    selection.render(state)
    if (isReading) notices.render(state, 1)
    else area.render(state, visible)
    reading.render(state)
    toast.render(state.toast)
  }

  /** Where the focus goes when what it was on goes away. */
  function renderFocus (before: State | undefined, state: State, hadFocus: boolean): void {
    const isReading = state.selected !== undefined
    const isElsewhere = !hadFocus && !panel.isModal && isWriting()
    const focusList = (id?: string): void => { if (!isReading && !isElsewhere && !list.focus(id)) panel.element.focus() }
    if (!state.isOpen) {
      if (before?.isOpen === true && hadFocus) bell.focus()
    } else if (before?.isOpen !== true || (!isReading && before.selected !== undefined)) focusList(before?.isOpen === true ? before.selected?.id : undefined)
    // The rows have come; nobody has gone elsewhere meanwhile.
    else if (root.activeElement === panel.element && visible.length > 0 && !isReading) focusList()
    else if (hadFocus && root.activeElement === null) panel.element.focus()
  }

  return {
    render (state) {
      const before = shown
      shown = state
      // Asked before anything is hidden, for what is hidden loses its focus.
      const hadFocus = panel.element.contains(root.activeElement)
      if (state.isOpen) {
        panel.open()
        // What is not in a modal dialog is not spoken.
        const place = panel.isModal ? panel.element : root
        if (spoken.parentNode !== place) place.append(spoken)
        renderPanel(state)
      } else if (before?.isOpen === true) {
        menu.close()
        panel.close()
        root.append(spoken)
        list.clear()
      }
      renderFocus(before, state, hadFocus)
    },
    leave: panel.leave,
    suspend: panel.close,
    close () {
      stopKeys()
      panel.close()
      root.append(spoken)
      panel.element.remove()
    }
  }
}
