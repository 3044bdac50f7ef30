/** The other messages of a conversation, oldest first. */
import type { Message } from '../../protocol.js'
import { icon, make, setText } from '../dom.js'
import { senderOf, visibleName } from '../model/people.js'
import type { State, Thread } from '../model/state.js'
import { textOf } from './content.js'
import type { Context } from './context.js'

export interface ThreadView {
  readonly element: HTMLElement
  render (state: State): void
}

export function createThread ({ texts, times }: Context): ThreadView {
  const heading = make('h4')
  const bubbles = make('ol', { class: 'bubbles', role: 'list' })
  const element = make('section', { class: 'thread' }, heading, bubbles)
  const drawn = new Map<string, { message: Message, item: HTMLLIElement }>()

  function bubble (message: Message, isOwn: boolean): HTMLLIElement {
    const title = message.title === null || message.recalled ? [] : [make('strong', { dir: 'auto' }, message.title)]
    const text = message.recalled ? [make('em', {}, texts.recalled)] : message.body === null ? [] : [textOf(message.body)]
    return make('li', { class: `bubble ${isOwn ? 'own' : 'theirs'}` },
      make('span', { class: 'spoken' }, isOwn ? `${texts.you}: ` : ''), ...title, ...text, make('time', { datetime: message.createdAt }, times.full(message.createdAt)))
  }

  return {
    element,
    render ({ thread, selected, user }) {
      const others = thread?.messages.filter(({ id }) => id !== selected?.id) ?? []
      element.hidden = thread === undefined || (others.length === 0 && thread.sending.length === 0)
      if (thread === undefined) {
        drawn.clear()
        return bubbles.replaceChildren()
      }
      setText(heading, texts.conversation(nameIn(thread)))
      const items = others.map(message => {
        const known = drawn.get(message.id)
        const item = known?.message === message ? known.item : bubble(message, 'user' in message.from && message.from.user === user)
        drawn.set(message.id, { message, item })
        return item
      })
      const sending = thread.sending.map(text => make('li', { class: 'bubble own sending' }, textOf(text), make('span', { class: 'state' }, icon('send'), texts.sending)))
      bubbles.replaceChildren(...items, ...sending)
    }
  }
}

/** As the user was called last. */
function nameIn ({ messages, user }: Thread): string {
  const last = messages.findLast(({ from }) => 'user' in from && from.user === user)
  return last === undefined ? visibleName(user) : senderOf(last).name
}
