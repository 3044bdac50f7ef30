/** Sending an announcement: written, seen as receivers see it, counted, confirmed, and sent once however often the button is pressed. */
import { ask } from './ask.js'
import { confirm } from './dialog.js'
import { el, setText } from './dom.js'
import { plural } from './format.js'
import { claimsOf, token } from './session.js'
import { address, type View } from './view.js'

interface Receivers { readonly receivers: number | null, readonly isAtLeast: boolean, readonly online: number | null }

const kinds = [['all', 'Everyone'], ['group', 'A group'], ['user', 'One user']] as const
type Kind = typeof kinds[number][0]
const countAfterMs = 400

export function announceView (report: (problem: unknown) => void): View {
  const input = (id: string, more: Record<string, string | number | boolean> = {}): HTMLInputElement => el('input', { id, autocomplete: 'off', ...more })
  const fields = { name: input('name', { spellcheck: 'false' }), title: input('title', { maxlength: 256 }), url: input('url', { placeholder: 'https://… or /path', inputmode: 'url' }), category: input('category', { placeholder: 'general' }) }
  const body = el('textarea', { id: 'body', rows: 4 })
  const radios = kinds.map(([kind, label]) => ({ kind, radio: el('input', { type: 'radio', name: 'to', id: `to-${kind}`, value: kind, checked: kind === 'all' }), label }))
  const kindOf = (): Kind => radios.find(({ radio }) => radio.checked)!.kind
  const receivers = el('p', { class: 'receivers', role: 'status' })
  const done = el('div', { role: 'status' })
  const button = el('button', { type: 'submit', class: 'primary' }, 'Send…')
  const preview = createPreview()
  /** The same for all tries of what is written now. */
  let key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`
  let counting: number | undefined

  const named = (label: string, field: HTMLElement): HTMLElement => el('div', { class: 'field' }, el('label', { for: field.id }, label), field)
  const nameField = named('Name', fields.name)

  const message = (): Record<string, unknown> => {
    const kind = kindOf()
    const to = kind === 'all' ? { all: true } : { [kind]: fields.name.value }
    const given = { title: fields.title.value, body: body.value, url: fields.url.value, category: fields.category.value }
    return { to, ...Object.fromEntries(Object.entries(given).filter(([, text]) => text.trim() !== '')) }
  }

  async function countThem (): Promise<string> {
    const kind = kindOf()
    if (kind === 'user') return fields.name.value === '' ? 'Name the user.' : `1 receiver: ${fields.name.value}`
    if (kind === 'group' && fields.name.value === '') return 'Name the group.'
    const { receivers, isAtLeast, online } = await ask<Receivers>(`receivers${kind === 'group' ? `?group=${encodeURIComponent(fields.name.value)}` : ''}`)
    if (receivers === null) return `Everyone: ${plural(online ?? 0, 'user is', 'users are')} online and see it at once, all others at their next visit`
    return receivers === 0 ? 'Nobody is in this group.' : `${isAtLeast ? 'more than ' : ''}${plural(receivers, 'receiver')} in the group`
  }
  const changed = (): void => {
    nameField.hidden = kindOf() === 'all'
    key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`
    preview.show({ title: fields.title.value, body: body.value, url: fields.url.value })
    window.clearTimeout(counting)
    counting = window.setTimeout(() => { countThem().then(text => { setText(receivers, text) }, report) }, countAfterMs)
  }

  async function send (event: Event): Promise<void> {
    event.preventDefault()
    if (button.ariaBusy === 'true') return
    button.ariaBusy = 'true'
    try {
      const to = await countThem()
      setText(receivers, to)
      const sent = message()
      if (!await confirm({ title: 'Send this announcement?', text: [to + '.', preview.copy()], yes: 'Send', isDanger: kindOf() === 'all' })) return
      const { id } = await ask<{ id: string }>('announcements', { method: 'POST', body: sent, headers: { 'idempotency-key': key } })
      const target = kindOf() === 'all' ? {} : { [kindOf()]: fields.name.value }
      done.replaceChildren(el('p', { class: 'done' }, 'Stored, and on its way. ', el('a', { href: address('message', { id, ...target }) }, 'Where is it?')))
      for (const field of [fields.title, fields.url, body]) field.value = ''
      changed()
    } catch (failed) { report(failed) } finally { button.ariaBusy = 'false' }
  }

  const form = el('form', { class: 'card announce', oninput: changed, onsubmit: event => { void send(event) } },
    el('h2', {}, 'Announcement'),
    el('fieldset', {}, el('legend', {}, 'To'), ...radios.map(({ radio, label }) => el('label', { class: 'choice', for: radio.id }, radio, label))),
    nameField, receivers,
    named('Title', fields.title), named('Text', body),
    el('div', { class: 'row' }, named('Link (optional)', fields.url), named('Category (optional)', fields.category)),
    button, done)
  changed()
  return { element: el('div', { class: 'two' }, form, preview.element) }
}

interface Shown { readonly title: string, readonly body: string, readonly url: string }

/** As the inbox shows it. */
function createPreview (): { element: HTMLElement, show: (shown: Shown) => void, copy: () => HTMLElement } {
  const name = claimsOf(token() ?? '')?.sub ?? 'you'
  const [title, body, link] = [el('b', { dir: 'auto' }), el('p', { dir: 'auto' }), el('small', { class: 'quiet' })]
  const row = el('div', { class: 'preview' },
    el('span', { class: 'avatar', 'aria-hidden': 'true' }, [...name][0]?.toUpperCase() ?? '?'),
    el('div', {}, el('div', { class: 'preview-head' }, el('span', {}, name), el('span', { class: 'pill' }, 'announcement'), el('span', { class: 'quiet' }, 'now')), title, body, link))
  return {
    element: el('section', { class: 'card' }, el('h2', {}, 'As receivers see it'), row, el('p', { class: 'quiet small-text' }, `Sent in the name of the producer ${name}, as your token says.`)),
    show (shown) {
      setText(title, shown.title.trim() === '' && shown.body.trim() === '' ? 'Nothing is written yet' : shown.title)
      setText(body, shown.body)
      setText(link, shown.url === '' ? '' : `Opens ${shown.url}`)
    },
    copy: () => row.cloneNode(true) as HTMLElement
  }
}
