/** Where a message is: each step that it took, with its time and its node where they are kept. What is not kept is said, and not made up. */
import type { TraceAnswer } from '../../routes/inspect.js'
import { ask, Refusal } from './ask.js'
import { el } from './dom.js'
import { plural, sender, streamName, timeWithMs } from './format.js'
import { address, type View } from './view.js'

interface Step { readonly name: string, readonly state: 'done' | 'open' | 'unknown', readonly when: string, readonly where: string }

export function messageView (parameters: URLSearchParams, report: (problem: unknown) => void): View {
  const [id, user, group] = ['id', 'user', 'group'].map(name => parameters.get(name) ?? '') as [string, string, string]
  const input = (name: string, value: string, required = false): HTMLInputElement => el('input', { id: name, value, required, autocomplete: 'off', spellcheck: 'false' })
  const fields = { id: input('id', id, true), user: input('user', user), group: input('group', group) }
  const result = el('div', { class: 'result', 'aria-live': 'polite' })
  const look = (event: Event): void => {
    event.preventDefault()
    const given = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value.trim()]).filter(([, value]) => value !== ''))
    const next = address('message', given)
    if (window.location.hash === next) void show()
    else window.location.hash = next
  }
  const field = (label: string, input: HTMLInputElement): HTMLElement => el('div', { class: 'field' }, el('label', { for: input.id }, label), input)
  const form = el('form', { class: 'card search', role: 'search', onsubmit: look },
    field('Message id', fields.id),
    el('div', { class: 'row' }, field('Receiver, or sender', fields.user), field('Group, for one to a group', fields.group), el('button', { type: 'submit', class: 'primary' }, 'Where is it?')))
  if (id === '') result.append(el('p', { class: 'empty' }, 'Every answer to a sender names the id. An announcement to everyone needs no receiver to be found; name one to see what became of it there.'))

  async function show (): Promise<void> {
    if (id === '') return
    const query = new URLSearchParams({ ...user !== '' && { user }, ...group !== '' && { group } }).toString()
    try {
      const trace = await ask<TraceAnswer>(`messages/${encodeURIComponent(id)}/trace${query === '' ? '' : `?${query}`}`)
      result.replaceChildren(traceCard(trace))
    } catch (failed) {
      if (failed instanceof Refusal && failed.code === 'GP_NOT_FOUND') {
        result.replaceChildren(el('p', { class: 'empty', role: 'alert' }, 'No message of this id is stored there. Is it another receiver\'s, was it volatile, or has it expired and been purged?'))
      } else report(failed)
    }
  }
  void show()
  queueMicrotask(() => { if (id === '') fields.id.focus() })
  return { element: el('div', { class: 'look-up' }, form, result) }
}

function traceCard (trace: TraceAnswer): HTMLElement {
  return el('section', { class: 'card wide' },
    el('h2', {}, `From ${sender(trace.from)} to ${streamName(trace.stream)}`),
    el('p', { class: 'quiet' }, `Category ${trace.category}; kept until ${timeWithMs(trace.expiresAt).slice(0, -4)}. `, el('code', {}, trace.id)),
    el('ol', { class: 'steps' }, ...stepsOf(trace).map(({ name, state, when, where }) =>
      el('li', { class: state }, el('b', {}, name), el('span', { class: 'when' }, when), el('span', { class: 'quiet' }, where)))))
}

function stepsOf (trace: TraceAnswer): Step[] {
  return [
    { name: 'Accepted', state: 'done', when: timeWithMs(trace.acceptedAt), where: 'By the clock of the Gate or node that took it, which the id carries. Which one that was is not kept.' },
    { name: 'Stored', state: 'done', when: timeWithMs(trace.storedAt), where: `${trace.storedBy === null ? 'No node owns its stream now.' : `${trace.storedBy} owns its stream now.`} Which node wrote it is not kept.` },
    { name: 'Broadcast', state: 'unknown', when: 'time not kept', where: 'The node that stored it tells all others at once; one that missed it reads the store within seconds.' },
    ...trace.reader === null ? [] : [passedOn(trace.reader, trace.storedAt), ...readerSteps(trace.reader)],
    ...trace.recalledAt === null ? [] : [{ name: 'Taken back', state: 'done' as const, when: timeWithMs(trace.recalledAt), where: 'Its text is erased.' }]
  ]
}

type Reader = NonNullable<TraceAnswer['reader']>

/** Sockets come and go: of those that are open now can be said what they were given. */
function passedOn ({ user, sees, nodes }: Reader, storedAt: string): Step {
  const name = 'Delivered'
  if (!sees) return { name, state: 'open', when: 'not for this user', where: `${user} was no member of the group when it was posted.` }
  const sockets = nodes.flatMap(({ node, sockets }) => (sockets ?? []).map(socket => ({ node, ...socket })))
  if (sockets.length === 0) return { name, state: 'unknown', when: nodes.length > 0 ? 'not known' : 'no open socket', where: nodes.length > 0 ? 'A node of version 0.1 does not say.' : 'It waits in the inbox. Whether an earlier socket was given it is not kept.' }
  const given = sockets.filter(({ wasPassedOn }) => wasPassedOn === true)
  const later = given.filter(({ openedAt }) => openedAt > storedAt)
  return {
    name,
    state: given.length > 0 ? 'done' : 'open',
    when: `to ${given.length} of ${plural(sockets.length, 'open socket')}`,
    where: `${given.length === 0 ? 'Not written to a socket yet.' : `Written on ${[...new Set(given.map(({ node }) => node))].join(', ')}.`}${later.length > 0 ? ` ${plural(later.length, 'socket')} opened after it was stored and began with the list.` : ''} The moment is not kept.`
  }
}

function readerSteps (reader: Reader): Step[] {
  const step = (name: string, isDone: boolean, at: string | null, otherwise = 'not yet'): Step =>
    ({ name, state: isDone ? 'done' : 'open', when: isDone ? at === null ? 'time not kept' : timeWithMs(at) : otherwise, where: isDone ? 'In the user\'s own stream; which node took it is not kept.' : '' })
  return [
    step('Read', reader.read, reader.readAt),
    ...reader.acted === null ? [] : [step(`Chose ${reader.acted}`, true, reader.actedAt)],
    ...reader.archived ? [step('Archived', true, reader.archivedAt)] : [],
    ...reader.deleted ? [step('Deleted by the user', true, reader.deletedAt)] : []
  ]
}
