/** One user: where the sockets are, what the user is in, what became of the last messages; and what an operator can do. */
import type { UserAnswer } from '../../routes/inspect.js'
import { ask } from './ask.js'
import { confirm } from './dialog.js'
import { el, type Child } from './dom.js'
import { bytes, count, plural, sender, streamName, time } from './format.js'
import { address, type View } from './view.js'

type Message = UserAnswer['messages'][number]

export function userView (parameters: URLSearchParams, report: (problem: unknown) => void): View {
  const name = parameters.get('name') ?? ''
  const field = el('input', { id: 'name', value: name, autocomplete: 'off', spellcheck: 'false', required: true })
  const result = el('div', { class: 'result', 'aria-live': 'polite' })
  const look = (event: Event): void => {
    event.preventDefault()
    const next = address('user', { name: field.value })
    if (window.location.hash === next) void show()
    else window.location.hash = next
  }
  const form = el('form', { class: 'card search', role: 'search', onsubmit: look },
    el('label', { for: 'name' }, 'User'), el('div', { class: 'row' }, field, el('button', { type: 'submit', class: 'primary' }, 'Look up')))
  if (name === '') result.append(el('p', { class: 'empty' }, 'Type the name of a user, as tokens carry it in sub.'))

  async function show (): Promise<void> {
    if (name === '') return
    try {
      const user = await ask<UserAnswer>(`users/${encodeURIComponent(name)}`)
      result.replaceChildren(...cardsOf(user, act))
    } catch (failed) { report(failed) }
  }
  /** Does it and shows what became of it. */
  async function act (work: () => Promise<string | undefined>): Promise<void> {
    try {
      const said = await work()
      if (said === undefined) return
      await show()
      result.prepend(el('p', { class: 'done', role: 'status' }, said))
    } catch (failed) { report(failed) }
  }
  void show()
  queueMicrotask(() => { if (name === '') field.focus() })
  return { element: el('div', { class: 'look-up' }, form, result) }
}

type Act = (work: () => Promise<string | undefined>) => Promise<void>

function cardsOf (user: UserAnswer, act: Act): HTMLElement[] {
  const sockets = user.nodes.reduce((sum, { count }) => sum + count, 0)
  const path = encodeURIComponent(user.user)
  const isBlocked = user.revokedBefore !== null
  const buttons = [
    button('Disconnect', sockets > 0, async () => {
      if (!await confirm({ title: `Disconnect ${user.user}?`, text: [`Closes ${plural(sockets, 'open socket')}. A client with a good token comes back at once.`], yes: 'Disconnect' })) return undefined
      const { sockets: closed } = await ask<{ sockets: number }>(`users/${path}/disconnect`, { method: 'POST' })
      return `${plural(closed, 'socket')} closed.`
    }),
    isBlocked
      ? button('Lift the revocation', true, async () => {
        await ask(`revocations/user/${path}`, { method: 'DELETE' })
        return 'Lifted: tokens that were issued before are good again.'
      })
      : button('Revoke tokens', true, async () => {
        if (!await confirm({ title: `Revoke all tokens of ${user.user}?`, text: ['What was issued until now is refused everywhere from within two seconds on, and its sockets are closed. The user can sign in again with a token that is issued later.'], yes: 'Revoke', isDanger: true })) return undefined
        await ask(`revocations/user/${path}`, { method: 'PUT', body: {} })
        return 'Revoked: what was issued until now is refused.'
      })
  ]
  function button (text: string, isOn: boolean, work: () => Promise<string | undefined>): HTMLElement {
    return el('button', { type: 'button', disabled: !isOn, onclick: () => { void act(work) } }, text)
  }
  return [
    el('section', { class: 'card person' },
      el('div', {}, el('h2', {}, user.user), el('p', {},
        el('span', { class: `pill ${sockets > 0 ? 'up' : ''}` }, sockets > 0 ? 'online' : 'offline'), ` ${plural(sockets, 'socket')} on ${plural(user.nodes.length, 'node')}. `,
        user.home === null ? 'No node is healthy.' : `Assigned to ${user.home}.`,
        isBlocked ? el('strong', { class: 'high' }, ` Tokens issued before ${time(user.revokedBefore!)} are revoked.`) : null)),
      el('div', { class: 'buttons' }, ...buttons)),
    fact('Unread', count(user.unread), Object.entries(user.byCategory).map(([category, number]) => `${category} ${count(number)}`).join(', ')),
    el('section', { class: 'card' }, el('h2', {}, 'Groups'), user.groups.length === 0
      ? el('p', { class: 'quiet' }, 'In none.')
      : el('ul', { class: 'chips' }, ...user.groups.map(group => el('li', {}, group)), user.groupCount > user.groups.length ? el('li', { class: 'quiet' }, `and ${count(user.groupCount - user.groups.length)} more`) : null)),
    el('section', { class: 'card wide' }, el('h2', {}, 'Sockets'), socketsTable(user.nodes)),
    el('section', { class: 'card wide' }, el('h2', {}, 'Last messages'), messagesTable(user.user, user.messages), el('p', { class: 'quiet small-text' }, 'What messages say is not shown here.'))
  ]
}

const fact = (title: string, text: string, more: string): HTMLElement =>
  el('section', { class: 'card' }, el('h2', {}, title), el('p', {}, el('strong', { class: 'now' }, text), ' ', el('span', { class: 'quiet' }, more)))

export function table (columns: readonly string[], rows: ReadonlyArray<readonly Child[]>): HTMLElement {
  return el('table', { class: 'cards' }, el('thead', {}, el('tr', {}, ...columns.map(name => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, ...rows.map(cells => el('tr', {}, ...cells.map((cell, at) => el('td', { 'data-label': columns[at] }, cell))))))
}

export function socketsTable (nodes: UserAnswer['nodes']): HTMLElement {
  if (nodes.length === 0) return el('p', { class: 'quiet' }, 'None is open now.')
  return table(['Node', 'Opened', 'State', 'Waiting'], nodes.flatMap(({ node, count: number, sockets }) => sockets === null
    ? [[node, `${plural(number, 'socket')}; a node of version 0.1 tells no more`, '', '']]
    : sockets.map(({ openedAt, state, waitingBytes }) => [node, time(openedAt), el('span', { class: `pill ${state === 'live' ? 'up' : 'suspect'}` }, state), waitingBytes === 0 ? 'nothing' : bytes(waitingBytes)])))
}

function messagesTable (user: string, messages: readonly Message[]): HTMLElement {
  if (messages.length === 0) return el('p', { class: 'quiet' }, 'None, or the user deleted them.')
  return table(['Time', 'From', 'To', 'Category', 'State', 'Where'], messages.map(message => [
    time(message.createdAt), sender(message.from), message.boxes.includes('inbox') ? streamName(message.stream) : 'sent by the user', message.category,
    el('span', { class: 'states' }, ...statesOf(message).map(state => el('span', { class: 'pill' }, state))),
    el('a', { href: address('message', { id: message.id, user }), 'aria-label': `Where is it? Message ${message.id}` }, 'Where is it?')
  ]))
}

function statesOf ({ boxes, read, archived, recalled, acted }: Message): string[] {
  return [
    recalled ? 'taken back' : boxes.includes('inbox') ? read ? 'read' : 'unread' : 'sent',
    ...archived ? ['archived'] : [],
    ...acted === null ? [] : [`chose ${acted}`]
  ]
}
