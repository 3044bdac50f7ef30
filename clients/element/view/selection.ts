/** The bar that stands in place of the head while messages are being selected. */
import type { Message } from '../../protocol.js'
import { button, icon, make, setLabel, setText } from '../dom.js'
import type { State } from '../model/state.js'
import type { Context } from './context.js'

export interface SelectionView {
  readonly element: HTMLElement
  /** Takes the message in or out; `isRange`: with all between it and the one before. */
  pick (message: Message, isRange: boolean): void
  render (state: State): void
}

export function createSelection ({ texts, wanted }: Context, visible: () => readonly Message[]): SelectionView {
  let picked: ReadonlySet<string> = new Set()
  let isInArchive = false
  let last: string | undefined

  const chosen = (): Message[] => visible().filter(({ id }) => picked.has(id))
  const act = (kind: Parameters<typeof wanted.perform>[0]) => (): void => {
    const messages = chosen()
    wanted.pick(undefined)
    wanted.perform(kind, messages)
  }

  const count = make('span', { class: 'picked-count', role: 'status' })
  const all = button('all', texts.selectAll, () => { wanted.pick(picked.size === visible().length ? new Set() : new Set(visible().map(({ id }) => id))) }, icon('select'))
  const read = button('mark-read', texts.markRead, act('markRead'), icon('read'))
  const archive = button('archive', texts.archive, () => { act(isInArchive ? 'unarchive' : 'archive')() }, icon('archive'))
  const remove = button('remove', texts.remove, act('remove'), icon('remove'))
  const element = make('div', { class: 'head selection', role: 'toolbar', 'aria-label': texts.select }, button('cancel', texts.cancel, () => { wanted.pick(undefined) }, icon('close')), count, all, read, archive, remove)

  return {
    element,
    pick (message, isRange) {
      const messages = visible()
      const [from, to] = [messages.findIndex(({ id }) => id === last), messages.indexOf(message)].sort((a, b) => a - b) as [number, number]
      const next = new Set(picked)
      if (isRange && from >= 0) for (const { id } of messages.slice(from, to + 1)) next.add(id)
      else if (next.has(message.id)) next.delete(message.id)
      else next.add(message.id)
      last = message.id
      wanted.pick(next)
    },
    render ({ picked: now, tab, selected }) {
      element.hidden = now === undefined || selected !== undefined
      picked = now ?? new Set()
      isInArchive = tab === 'archived'
      const number = chosen().length
      setText(count, texts.picked(number))
      setLabel(archive, isInArchive ? texts.unarchive : texts.archive)
      for (const control of [read, archive, remove]) control.disabled = number === 0
      read.hidden = archive.hidden = tab === 'sent'
    }
  }
}
