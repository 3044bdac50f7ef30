/**
 * What is behind the bell: shows a state, and tells what the user wants. Loaded when a page first needs it, so that a bell alone costs
 * no list.
 */
import { button, icon, make, setText } from '../dom.js'
import type { State } from '../model/state.js'
import { hasEnded, memo, unreadShown, visibleMessages } from '../model/view-state.js'
import type { Message } from '../../protocol.js'
import { panelSheet } from '../style/panel-sheet.js'
import type { BellView } from './bell.js'
import type { Context } from './context.js'
import { handleKeys } from './keys.js'
import { createList } from './list.js'
import { createMenu, type MenuItem } from './menu.js'
import { messageItems } from './message-menu.js'
import { createNotices } from './notices.js'
import { createPanel } from './panel.js'
import { createReading } from './reading.js'
import { createReadingTools } from './reading-tools.js'
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

export function createView (root: ShadowRoot, { element: bell, spoken }: BellView, context: Context): View {
  const { texts, wanted, settings } = context
  const menu = createMenu()
  const messages = memo(visibleMessages)
  let shown: State | undefined
  let visible: readonly Message[] = []

  const selection = createSelection(context, () => visible)
  const list = createList(context, selection.pick, (message, at, point) => { if (shown !== undefined) menu.open(messageItems(message, shown, context), at, point) })
  const tabs = createTabs(context)
  const notices = createNotices(context)
  const reading = createReading(context)
  const readingTools = createReadingTools(context)
  const toast = createToast(context)
  const heading = make('h2', { id: 'heading' }, texts.title)
  const back = button('back', texts.back, () => { wanted.back() }, icon('back'))
  const allRead = button('all-read', texts.markAllRead, () => { wanted.markAllRead() }, icon('allRead'))
  const more = button('options', texts.more, () => { menu.open(headItems(), more) }, icon('more'))
  more.setAttribute('aria-haspopup', 'menu')
  const closing = button('close', texts.close, () => { wanted.close() }, icon('close'))
  const head = make('header', { class: 'head', part: 'header' }, back, heading, make('slot', { name: 'header' }), readingTools.element, allRead, more, closing)
  const pillText = make('span')
  const pill = make('button', { type: 'button', class: 'pill', part: 'pill' }, icon('up'), pillText)
  pill.addEventListener('click', () => { list.toTop(); wanted.setAway(false); list.focus() })
  const older = make('div', { class: 'older', role: 'status' }, texts.loading)
  const view = make('div', { class: 'view', id: 'view', role: 'tabpanel' }, pill, list.element, older, notices.blank, notices.skeleton)
  const panel = createPanel(bell, [head, tabs.element, selection.element, notices.line, view, reading.element, toast.element, make('slot', { name: 'footer' }), menu.element], () => { wanted.close() })
  if (!root.adoptedStyleSheets.includes(panelSheet())) root.adoptedStyleSheets.push(panelSheet())
  bell.after(panel.element)
  const stopKeys = handleKeys({ root, panel, menu, wanted, state: () => shown })

  function headItems (): MenuItem[] {
    const blocked = typeof Notification === 'function' && Notification.permission === 'denied'
    return [
      { label: texts.select, icon: 'select', act: () => { wanted.pick(new Set()) }, isDisabled: visible.length === 0 },
      ...settings.notify === undefined ? [] : [{ label: blocked ? texts.notifyBlocked : texts.notify, icon: 'bell' as const, isOn: settings.notify, isDisabled: blocked, act: () => { wanted.setAlert('notify', settings.notify !== true) } }],
      ...settings.sound === undefined ? [] : [{ label: texts.sound, icon: 'sound' as const, isOn: settings.sound, act: () => { wanted.setAlert('sound', settings.sound !== true) } }]
    ]
  }

  function renderList (state: State): void {
    visible = messages(state)
    list.render(state, visible)
    notices.render(state, visible.length)
    list.element.hidden = visible.length === 0
    older.hidden = !state.list.isLoadingOlder || visible.length === 0
    pill.hidden = state.above === 0
    setText(pillText, texts.newer(state.above))
  }

  function renderPanel (state: State): void {
    const isReading = state.selected !== undefined
    const isPicking = state.picked !== undefined && !isReading
    back.hidden = !isReading
    allRead.hidden = isReading || state.tab === 'archived' || state.tab === 'sent'
    allRead.disabled = unreadShown(state) === 0 || hasEnded(state)
    more.hidden = isReading
    head.hidden = isPicking
    tabs.element.hidden = isReading || isPicking
    view.hidden = isReading
    reading.element.hidden = !isReading
    tabs.render(state, view)
    selection.render(state)
    if (isReading) notices.render(state, 1)
    else renderList(state)
    reading.render(state)
    readingTools.render(state)
    toast.render(state.toast)
  }

  /** Where the focus goes when what it was on goes away. */
  function renderFocus (before: State | undefined, state: State, hadFocus: boolean): void {
    const isBack = state.selected === undefined && before?.selected !== undefined
    const isReading = state.selected !== undefined
    const focusList = (id?: string): void => { if (!isReading && !list.focus(id)) panel.element.focus() }
    if (!state.isOpen) {
      if (before?.isOpen === true && hadFocus) bell.focus()
    } else if (before?.isOpen !== true) focusList()
    else if (isBack) focusList(before.selected?.id)
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
