/** What may be done about the message that is open: buttons in the head. */
import type { Message } from '../../protocol.js'
import { button, icon, make, setLabel } from '../dom.js'
import type { State } from '../model/state.js'
import type { Context } from './context.js'
import { canRecall } from './message-menu.js'

export interface ReadingTools {
  readonly element: HTMLElement
  render (state: State): void
}

export function createReadingTools ({ texts, wanted }: Context): ReadingTools {
  let message: Message | undefined
  const act = (work: (message: Message) => void, isLast = true) => (): void => {
    if (message === undefined) return
    const about = message
    if (isLast) wanted.back()
    work(about)
  }
  const archive = button('archive', texts.archive, act(about => { wanted.perform(about.archived ? 'unarchive' : 'archive', [about]) }), icon('archive'))
  const unread = button('mark-unread', texts.markUnread, act(about => { wanted.perform('markUnread', [about]) }), icon('unread'))
  const recall = button('recall', texts.takeBack, act(about => { wanted.recall(about) }, false), icon('recall'))
  const remove = button('remove', texts.remove, act(about => { wanted.perform('remove', [about]) }), icon('remove'))
  const element = make('div', { class: 'reading-tools' }, recall, archive, unread, remove)

  return {
    element,
    render ({ selected, tab }) {
      message = selected
      element.hidden = selected === undefined
      if (selected === undefined) return
      const isReceived = tab !== 'sent' && selected.boxes.includes('inbox')
      archive.hidden = !isReceived
      unread.hidden = !isReceived || selected.recalled
      recall.hidden = !canRecall(selected)
      setLabel(archive, selected.archived ? texts.unarchive : texts.archive)
    }
  }
}
