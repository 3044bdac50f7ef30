/** One message, whole: with what may be done about it, and the conversation that it belongs to. */
import type { Message } from '../../protocol.js'
import { icon, make } from '../dom.js'
import { urlOf } from '../model/carried.js'
import { groupOf, partnerOf, visibleName } from '../model/people.js'
import type { State } from '../model/state.js'
import { choices } from './choices.js'
import { createComposer } from './composer.js'
import { headOf, textOf } from './content.js'
import type { Context } from './context.js'
import { avatar, mark } from './party.js'
import { partyOf } from './row.js'
import { createThread } from './thread.js'

export interface ReadingView {
  readonly element: HTMLElement
  render (state: State): void
}

export function createReading (context: Context): ReadingView {
  const { wanted } = context
  const article = make('div', { class: 'opened' })
  const thread = createThread(context)
  const composer = createComposer(context)
  const scroller = make('div', { class: 'reading-body' }, article, thread.element)
  const element = make('div', { class: 'reading', part: 'message' }, scroller, composer.element)
  let shown: Message | undefined

  return {
    element,
    render (state) {
      const { selected, user, tab } = state
      if (selected === undefined) {
        shown = undefined
        return article.replaceChildren()
      }
      const isNew = shown?.id !== selected.id
      if (isNew || shown !== selected) {
        const focused = (element.getRootNode() as ShadowRoot).activeElement
        const held = focused !== null && article.contains(focused) ? focused.className : undefined
        article.replaceChildren(opened(selected, state, context))
        // What was under the user's focus is there again.
        if (!isNew && held !== undefined) ([...article.querySelectorAll<HTMLElement>('button, a, h3')].find(({ className }) => className === held) ?? article.querySelector('h3'))?.focus()
      }
      shown = selected
      const partner = partnerOf(selected, user)
      const group = 'user' in selected.from && selected.from.user !== user ? groupOf(selected) : undefined
      composer.element.hidden = (partner === undefined && group === undefined) || tab === 'archived'
      composer.setReceiver(group ?? (partner === undefined ? '' : 'user' in selected.from && selected.from.user === partner ? partyOf(selected, 'all', context).name : visibleName(partner)))
      composer.onSend(text => { wanted.reply(selected, text) })
      thread.render(state)
      if (isNew) {
        scroller.scrollTop = 0
        composer.clear()
        article.querySelector<HTMLElement>('h3')?.focus({ preventScroll: true })
      }
    }
  }
}

/** The message itself. */
function opened (message: Message, { tab }: State, context: Context): HTMLElement {
  const { texts, times } = context
  const party = partyOf(message, tab, context)
  const isSent = tab === 'sent' || !message.boxes.includes('inbox')
  const title = make('h3', { id: 'subject', class: 'subject', tabindex: '-1', dir: 'auto' }, headOf(message, texts).title)
  const name = make('bdi', { class: 'from' }, isSent ? texts.to(party.name) : party.name)
  const id = make('span', { class: 'id' }, make('bdi', {}, visibleName(party.id)))
  id.hidden = visibleName(party.id) === party.name
  const marks = party.mark === undefined || isSent ? [] : [mark(party.mark, texts, groupOf(message))]
  const url = urlOf(message, document.baseURI)
  const answers = make('div', { class: 'choices' })
  choices(answers, message, context, isSent)
  return make('article', { 'aria-labelledby': 'subject' },
    make('div', { class: 'sender' }, avatar(party), make('div', { class: 'who' },
      make('div', { class: 'top' }, name, ...marks), make('div', { class: 'meta' }, id, make('time', { datetime: message.createdAt }, times.full(message.createdAt))))),
    title,
    ...bodyOf(message),
    ...url === undefined || message.recalled ? [] : [link(url, message, context)],
    answers)
}

/** A single short line is the title already; with addresses in it, it is shown once more so that they can be followed. */
function bodyOf ({ title, body, recalled }: Message): HTMLElement[] {
  if (recalled || body === null || body === '') return []
  const isTitle = (title === null || title.trim() === '') && body.length <= 200 && !body.trim().includes('\n') && !/https?:\/\//i.test(body)
  return isTitle ? [] : [textOf(body)]
}

function link (url: string, message: Message, { wanted }: Context): HTMLElement {
  const element = make('a', { class: 'go', href: url, rel: 'noopener noreferrer' }, icon('link'), make('bdi', {}, new URL(url).host === location.host ? new URL(url).pathname : new URL(url).host))
  element.addEventListener('click', event => { wanted.open(message, event) })
  return element
}
