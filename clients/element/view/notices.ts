/** What stands above or in place of the list: no connection, the end of the session, nothing there, and what is being loaded. */
import { button, icon, make, setText, type IconName } from '../dom.js'
import type { State } from '../model/state.js'
import { categoryOf } from '../model/tab.js'
import { hasEnded } from '../model/view-state.js'
import type { Context } from './context.js'

export interface Notices {
  /** One line about the connection. */
  readonly line: HTMLElement
  /** In place of the list. */
  readonly blank: HTMLElement
  readonly skeleton: HTMLElement
  render (state: State, count: number): void
}

export function createNotices ({ texts, wanted }: Context): Notices {
  const lineIcon = make('span', { class: 'sign' })
  const lineText = make('span')
  const signIn = button('sign-in', texts.signIn, () => { wanted.signIn() })
  const line = make('div', { class: 'notice state', role: 'status', part: 'notice' }, lineIcon, lineText, signIn)

  const sign = make('span', { class: 'sign' })
  const title = make('p', { class: 'title' })
  const hint = make('p', { class: 'hint' })
  const again = button('again', texts.retry, () => { if (again.dataset['does'] === 'sign-in') wanted.signIn(); else wanted.reload() })
  const usual = make('slot', { name: 'empty' }, sign, title, hint)
  const blank = make('div', { class: 'blank' }, usual, again)

  const skeleton = make('div', { class: 'skeleton', 'aria-hidden': 'true' }, ...Array.from({ length: 6 }, () =>
    make('div', { class: 'bone' }, make('i', { class: 'face' }), make('span', {}, make('i'), make('i'), make('i')))))

  function say (iconName: IconName, head: string, sub = '', does?: 'sign-in' | 'reload'): void {
    sign.replaceChildren(icon(iconName))
    setText(title, head)
    setText(hint, sub)
    hint.hidden = sub === ''
    again.hidden = does === undefined
    again.dataset['does'] = does ?? ''
    setText(again, does === 'sign-in' ? texts.signIn : texts.retry)
  }

  function renderBlank ({ list, tab, connection }: State): void {
    if (connection === 'idle' && list.status === 'none') return say('bell', texts.notConnected, '', 'sign-in')
    if (connection === 'closed' && list.status !== 'ready') return say('alert', texts.ended, '', 'sign-in')
    if (list.status === 'failed') return say('alert', texts.loadFailed, '', 'reload')
    if (tab === 'unread') return say('check', texts.emptyUnread)
    if (tab === 'archived') return say('archive', texts.emptyArchived)
    if (tab === 'sent') return say('send', texts.emptySent)
    say('bell', texts.empty, categoryOf(tab) === undefined ? texts.emptyHint : '')
  }

  return {
    line,
    blank,
    skeleton,
    render (state, count) {
      const { connection, list, waiting } = state
      const isEnded = hasEnded(state)
      const isBlank = count === 0 && (list.status === 'failed' || isEnded || (list.status === 'ready' && list.next === undefined))
      const isLoading = count === 0 && !isBlank
      blank.hidden = !isBlank
      skeleton.hidden = !isLoading
      if (isBlank) renderBlank(state)
      // A connection that is being made for the first time is what the rows to come already say.
      const text = isEnded ? isBlank && list.status !== 'ready' ? '' : texts.ended : connection === 'offline' ? texts.offline : connection === 'connecting' && list.status === 'ready' ? texts.reconnecting : ''
      line.hidden = text === ''
      line.classList.toggle('bad', isEnded)
      setText(lineText, text === '' ? '' : `${text}${waiting > 0 ? ` (${texts.waiting(waiting)})` : ''}`)
      if (!line.hidden && lineIcon.childElementCount === 0) lineIcon.append(icon('offline'))
      signIn.hidden = !isEnded
    }
  }
}
