/** Asks before something is done that cannot be seen coming back: in a modal dialog, which keeps the focus and gives it back. */
import { el, type Child } from './dom.js'

export interface Question {
  readonly title: string
  readonly text: readonly Child[]
  readonly yes: string
  readonly isDanger?: boolean
  /** What has to be typed first. */
  readonly typed?: string
}

/** True where it was confirmed. */
export async function confirm ({ title, text, yes, isDanger = false, typed }: Question): Promise<boolean> {
  const agree = el('button', { type: 'submit', class: isDanger ? 'danger' : 'primary', disabled: typed !== undefined }, yes)
  const field = el('input', { id: 'typed', autocomplete: 'off', spellcheck: 'false', oninput: () => { agree.disabled = field.value !== typed } })
  const form = el('form', { method: 'dialog' },
    el('h2', { id: 'dialog-title' }, title),
    ...text.map(line => typeof line === 'string' ? el('p', {}, line) : line),
    typed === undefined ? null : el('p', {}, el('label', { for: 'typed' }, 'Type ', el('code', {}, typed), ' to go on'), field),
    el('div', { class: 'buttons' }, el('button', { type: 'button', onclick: () => { dialog.close('no') } }, 'Cancel'), agree))
  const dialog = el('dialog', { 'aria-labelledby': 'dialog-title' }, form)
  form.addEventListener('submit', event => {
    event.preventDefault()
    if (!agree.disabled) dialog.close('yes')
  })
  document.body.append(dialog)
  dialog.showModal()
  if (typed !== undefined) field.focus()
  return await new Promise(resolve => {
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue === 'yes')
    })
  })
}
