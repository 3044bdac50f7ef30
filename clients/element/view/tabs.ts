/** The tabs: one is chosen, the arrow keys move between them. */
import { make, setText } from '../dom.js'
import type { State } from '../model/state.js'
import type { Tab } from '../model/tab.js'
import type { Context } from './context.js'

export interface TabsView {
  readonly element: HTMLElement
  /** `view` is what the chosen tab shows. */
  render (state: State, view: HTMLElement): void
}

export function createTabs ({ texts, wanted, settings }: Context): TabsView {
  const all: Array<{ tab: Tab, label: string }> = [
    { tab: 'all', label: texts.all },
    { tab: 'unread', label: texts.unread },
    ...settings.categories.map(({ name, label = name }) => ({ tab: `category:${name}` as const, label })),
    { tab: 'archived', label: texts.archived },
    { tab: 'sent', label: texts.sent }
  ]
  const tabs = all.map(({ tab, label }, index) => {
    const count = make('span', { class: 'count' })
    const element = make('button', { type: 'button', role: 'tab', class: 'tab', id: `tab-${index}`, part: 'tab', 'aria-controls': 'view' }, make('span', { dir: 'auto' }, label), count)
    element.addEventListener('click', () => { wanted.show(tab) })
    return { tab, element, count }
  })
  const element = make('div', { class: 'tabs', role: 'tablist', part: 'tabs', 'aria-label': texts.views }, ...tabs.map(({ element }) => element))

  element.addEventListener('keydown', event => {
    const at = tabs.findIndex(({ element }) => element === event.target)
    const forwards = getComputedStyle(element).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight'
    const backwards = forwards === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft'
    const to = { [forwards]: at + 1, [backwards]: at - 1, Home: 0, End: tabs.length - 1 }[event.key]
    if (to === undefined || at < 0) return
    event.preventDefault()
    const next = tabs[(to + tabs.length) % tabs.length]
    next?.element.focus()
    next?.element.click()
  })

  let shown: Tab | undefined
  return {
    element,
    render ({ tab: chosen, unread }, view) {
      for (const { tab, element, count } of tabs) {
        const isChosen = tab === chosen
        element.setAttribute('aria-selected', String(isChosen))
        element.tabIndex = isChosen ? 0 : -1
        const number = tab === 'unread' ? unread.unread : tab.startsWith('category:') ? unread.byCategory[tab.slice('category:'.length)] ?? 0 : 0
        setText(count, number === 0 ? '' : number > 99 ? '99+' : String(number))
        count.hidden = number === 0
        if (isChosen) view.setAttribute('aria-labelledby', element.id)
        if (isChosen && shown !== chosen) element.scrollIntoView({ block: 'nearest', inline: 'nearest' })
      }
      shown = chosen
    }
  }
}
