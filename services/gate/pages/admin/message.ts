/** Where a message is: each step that it took, with its time and its node where they are known. What is not known any more is said, and not made up. */
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
    { name: 'Stored', state: 'done', when: timeWithMs(trace.storedAt), where: storedWhere(trace) },
    broadcast(trace.recent),
    trace.reader?.sees === false ? notForReader(trace.reader) : written(trace),
    ...trace.reader === null ? [] : readerSteps(trace.reader),
    ...trace.recalledAt === null ? [] : [{ name: 'Taken back', state: 'done' as const, when: timeWithMs(trace.recalledAt), where: 'Its text is erased.' }]
  ]
}

type Reader = NonNullable<TraceAnswer['reader']>

function storedWhere ({ recent: { broadcast }, storedBy }: TraceAnswer): string {
  if (broadcast !== null && broadcast.node === storedBy) return `By ${storedBy}, which owns its stream.`
  return `${broadcast === null ? 'Which node wrote it is not known any more.' : `By ${broadcast.node}.`} ${storedBy === null ? 'No node owns its stream now.' : `${storedBy} owns its stream now.`}`
}

const notSent: Readonly<Record<string, string>> = {
  disconnected: 'The node had no link to the others: they read it from the store.',
  'too-large': 'It is larger than NATS takes: the others read it from the store. Set max_payload of NATS to 1 MiB.',
  closed: 'The node was ending: the others read it from the store.'
}

function broadcast ({ broadcast, isWhole }: TraceAnswer['recent']): Step {
  const name = 'Broadcast'
  if (broadcast === null) return { name, state: 'unknown', when: isWhole ? 'not yet' : 'not known any more', where: 'Nodes remember what they sent lately, until they end. One that missed it reads the store within seconds.' }
  const { at, node, fate } = broadcast
  if (fate === 'alone') return { name, state: 'done', when: 'not needed', where: `${node} was the only node at ${timeWithMs(at)}.` }
  if (fate === 'sent') return { name, state: 'done', when: timeWithMs(at), where: `${node} handed it to the others.` }
  return { name, state: 'open', when: 'not sent', where: `${node}, ${timeWithMs(at)}. ${notSent[fate] ?? fate}` }
}

function notForReader ({ user }: Reader): Step {
  return { name: 'Delivered', state: 'open', when: 'not for this user', where: `${user} was no member of the group when it was posted.` }
}

/** To sockets of the reader where one is named, else to anybody's. */
function written ({ recent: { written, isWhole }, reader }: TraceAnswer): Step {
  const name = 'Delivered'
  const open = reader === null ? [] : reader.nodes.flatMap(({ sockets }) => sockets ?? [])
  const listed = open.filter(({ wasPassedOn }) => wasPassedOn === true).length
  const now = reader === null ? '' : open.length === 0 ? 'No socket is open now.' : `${listed} of ${plural(open.length, 'open socket')} ${listed === 1 ? 'has' : 'have'} it.`
  const [first] = [...written].sort((one, other) => one.firstAt < other.firstAt ? -1 : 1)
  if (first === undefined) {
    const nobody = reader === null ? 'To no open socket so far.' : `${listed > 0 ? 'Its sockets began with the list.' : 'It waits in the inbox.'} ${now}`
    return isWhole ? { name, state: 'open', when: 'to no socket', where: nobody } : { name, state: 'unknown', when: 'not known any more', where: `Nodes remember what they sent lately, until they end. ${now}` }
  }
  const nodes = written.map(({ node, firstAt, lastAt, sockets }) => `${node} to ${plural(sockets, 'socket')}${written.length === 1 && firstAt === lastAt ? '' : firstAt === lastAt ? ` at ${timeWithMs(firstAt)}` : `, first at ${timeWithMs(firstAt)}, last at ${timeWithMs(lastAt)}`}`)
  return { name, state: 'done', when: timeWithMs(first.firstAt), where: `By ${nodes.join('; ')}. ${isWhole ? '' : 'There may have been more: some nodes do not remember that far back. '}${now}` }
}

function readerSteps (reader: Reader): Step[] {
  const step = (name: string, isDone: boolean, at: string | null, otherwise = 'not yet'): Step =>
    ({ name, state: isDone ? 'done' : 'open', when: isDone ? at === null ? 'time not kept' : timeWithMs(at) : otherwise, where: isDone ? 'In the user\'s own stream.' : '' })
  return [
    step('Read', reader.read, reader.readAt),
    ...reader.acted === null ? [] : [step(`Chose ${reader.acted}`, true, reader.actedAt)],
    ...reader.archived ? [step('Archived', true, reader.archivedAt)] : [],
    ...reader.deleted ? [step('Deleted by the user', true, reader.deletedAt)] : []
  ]
}
