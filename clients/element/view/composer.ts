/** Where a reply is written. Enter sends with Ctrl or Cmd; the field grows with its text. */
import { icon, make } from '../dom.js'
import type { Context } from './context.js'

export interface Composer {
  readonly element: HTMLElement
  setReceiver (name: string): void
  onSend (send: (text: string) => void): void
  clear (): void
}

/** Bytes of UTF-8 count at the node; this many letters always fit. */
const maxLength = 15_000

export function createComposer ({ texts }: Context): Composer {
  const field = make('textarea', { rows: '1', dir: 'auto', maxlength: String(maxLength) })
  const sending = make('button', { type: 'submit', class: 'send', disabled: true, 'aria-label': texts.send, title: texts.send }, icon('send'))
  const element = make('form', { class: 'composer', part: 'composer' }, field, sending)
  let send: ((text: string) => void) | undefined

  function fit (): void {
    sending.disabled = field.value.trim() === ''
    field.style.setProperty('height', 'auto')
    field.style.setProperty('height', `${Math.min(field.scrollHeight + 2, 140)}px`)
  }
  function clear (): void {
    field.value = ''
    sending.disabled = true
    field.style.removeProperty('height')
  }

  field.addEventListener('input', fit)
  field.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.isComposing) element.requestSubmit()
  })
  element.addEventListener('submit', event => {
    event.preventDefault()
    const text = field.value.trim()
    if (text === '') return
    clear()
    send?.(text)
    field.focus()
  })

  return {
    element,
    clear,
    setReceiver (name) {
      const label = texts.replyTo(name)
      if (field.placeholder === label) return
      field.placeholder = label
      field.setAttribute('aria-label', label)
    },
    onSend (next) { send = next }
  }
}
