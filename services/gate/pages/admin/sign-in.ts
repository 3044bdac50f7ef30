/** Signing in: a token is pasted, or a link brought one. */
import { explain, ask } from './ask.js'
import { el } from './dom.js'
import { claimsOf, cleaned, forgetToken, keepToken } from './session.js'

const command = 'npx gatepost token --sub me --scope admin'

/** `problem`: why one is asked for again; empty where it is the first time. */
export function signInView (problem: string, onDone: () => void): HTMLElement {
  const error = el('p', { class: 'problem', role: 'alert', hidden: problem === '' }, problem)
  const field = el('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-help' })
  const button = el('button', { type: 'submit', class: 'primary' }, 'Sign in')
  const refuse = (text: string): void => {
    error.textContent = text
    error.hidden = false
    field.focus()
  }
  async function signIn (event: Event): Promise<void> {
    event.preventDefault()
    const given = cleaned(field.value)
    if (claimsOf(given) === undefined) { refuse('This is no token. A token has three parts with dots between them; paste all that the command printed.'); return }
    keepToken(given)
    button.ariaBusy = 'true'
    try {
      await ask('overview')
      onDone()
    } catch (failed) {
      forgetToken()
      refuse(explain(failed))
    } finally { button.ariaBusy = 'false' }
  }
  const copied = el('span', { class: 'quiet', role: 'status' })
  return el('div', { class: 'sign-in' },
    el('form', { class: 'card', onsubmit: event => { void signIn(event) } },
      el('h1', {}, 'Sign in to Gatepost'),
      error,
      el('label', { for: 'token' }, 'Admin token'),
      field,
      el('div', { id: 'token-help' },
        el('p', { class: 'quiet' }, 'Make one where this Gate was started:'),
        el('p', { class: 'command' }, el('code', {}, command), el('button', {
          type: 'button', class: 'small',
          onclick: () => { navigator.clipboard?.writeText(command).then(() => { copied.textContent = 'Copied.' }, () => { copied.textContent = 'Select it and copy it by hand.' }) }
        }, 'Copy'), copied),
        el('p', { class: 'quiet' }, 'Or ', el('code', {}, 'npx gatepost admin-link'), ', which prints an address that signs you in. It is kept until this tab is closed.')),
      button))
}
