/** The head of the panel: its name, and what can be done about all messages or the one that is open. */
import { button, icon, make } from '../dom.js'
import type { State } from '../model/state.js'
import { hasEnded, unreadShown } from '../model/view-state.js'
import type { Context } from './context.js'
import type { Menu, MenuItem } from './menu.js'
import { createReadingTools } from './reading-tools.js'

export interface HeadView {
  readonly element: HTMLElement
  render (state: State): void
}

export function createHead (context: Context, menu: Menu, hasMessages: () => boolean): HeadView {
  const { texts, wanted, settings } = context
  const tools = createReadingTools(context)
  const back = button('back', texts.back, () => { wanted.back() }, icon('back'))
  const allRead = button('all-read', texts.markAllRead, () => { wanted.markAllRead() }, icon('allRead'))
  const more = button('options', texts.more, () => { menu.open(items(), more) }, icon('more'))
  more.setAttribute('aria-haspopup', 'menu')
  const closing = button('close', texts.close, () => { wanted.close() }, icon('close'))
  const element = make('div', { class: 'head', part: 'header' },
    back, make('h2', { id: 'heading' }, texts.title), make('slot', { name: 'header' }), tools.element, allRead, more, closing)

  function items (): MenuItem[] {
    const isBlocked = typeof Notification === 'function' && Notification.permission === 'denied'
    const { notify, sound } = settings
    return [
      { label: texts.select, icon: 'select', act: () => { wanted.pick(new Set()) }, isDisabled: !hasMessages() },
      ...notify === undefined ? [] : [{ label: isBlocked ? texts.notifyBlocked : texts.notify, icon: 'bell' as const, isOn: notify, isDisabled: isBlocked, act: () => { wanted.setAlert('notify', !notify) } }],
      ...sound === undefined ? [] : [{ label: texts.sound, icon: 'sound' as const, isOn: sound, act: () => { wanted.setAlert('sound', !sound) } }]
    ]
  }

  return {
    element,
    render (state) {
      const isReading = state.selected !== undefined
      back.hidden = !isReading
      allRead.hidden = isReading || state.tab === 'archived' || state.tab === 'sent'
      allRead.disabled = unreadShown(state) === 0 || hasEnded(state)
      more.hidden = isReading
      tools.render(state)
    }
  }
}
