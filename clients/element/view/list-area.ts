/** The list, or what stands in its place, and what tells of messages above and below it. */
import type { Message } from '../../protocol.js'
import { icon, make, setText } from '../dom.js'
import type { State } from '../model/state.js'
import type { Context } from './context.js'
import type { ListView } from './list.js'
import type { Notices } from './notices.js'

export interface ListArea {
  readonly element: HTMLElement
  render (state: State, messages: readonly Message[]): void
}

export function createListArea ({ texts, wanted }: Context, list: ListView, notices: Notices): ListArea {
  const pillText = make('span')
  const pill = make('button', { type: 'button', class: 'pill', part: 'pill' }, icon('up'), pillText)
  const older = make('div', { class: 'older', role: 'status' }, texts.loading)
  const element = make('div', { class: 'view', id: 'view', role: 'tabpanel' }, pill, list.element, older, notices.blank, notices.skeleton)

  pill.addEventListener('click', () => {
    list.toTop()
    wanted.setAway(false)
    list.focus()
  })

  return {
    element,
    render (state, messages) {
      const isEmpty = messages.length === 0
      notices.render(state, messages.length)
      older.hidden = isEmpty || !state.list.isLoadingOlder
      pill.hidden = state.above === 0
      setText(pillText, texts.newer(state.above))
      // Last: a list that is not shown has no heights, and one beside what stands in its place has half of its room.
      list.element.hidden = isEmpty
      list.render(state, messages)
    }
  }
}
