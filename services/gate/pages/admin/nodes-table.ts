/** The nodes: how each is, and its drain. */
import { el, keyed, part, setText } from './dom.js'
import { drainOrPutBack, isAgreed, type Node } from './drain.js'
import { bytes, count, duration, milliseconds, perSecond, share, time } from './format.js'

const columns = ['Node', 'State', 'Ring', 'Sockets', 'Users', 'Messages', 'Refused', 'Loop lag', 'Memory', 'Store', 'Version', 'Up for', 'Heard', 'Drain'] as const
/** Timers later than this are felt. */
const highLagMs = 100
const notKnown = '–'

export interface NodesTable {
  readonly element: HTMLElement
  /** `now`: Gate's time, ms since 1970. */
  show: (nodes: readonly Node[], now: number) => void
}

export function createNodesTable ({ colourOf, refresh, report }: { colourOf: (node: string) => number, refresh: () => Promise<void>, report: (problem: unknown) => void }): NodesTable {
  const body = el('tbody')
  const empty = el('p', { class: 'empty', hidden: true }, 'No node is here. Start one with ', el('code', {}, 'npx gatepost node'), '.')
  const table = el('table', { class: 'cards' },
    el('caption', { class: 'unseen' }, 'Nodes and how they are'),
    el('thead', {}, el('tr', {}, ...columns.map(name => el('th', { scope: 'col', class: numeric.has(name) ? 'number' : undefined }, name)))),
    body)
  let nodes: readonly Node[] = []

  async function press (button: HTMLButtonElement, node: Node): Promise<void> {
    if (!await isAgreed(node, nodes)) return
    // Until the new state is shown the button stands for the old one. Disabled it would lose the focus.
    button.ariaBusy = 'true'
    try {
      await drainOrPutBack(node)
      await refresh()
    } finally { button.ariaBusy = 'false' }
  }

  const cell = (name: typeof columns[number], ...children: Array<HTMLElement | string>): HTMLElement => el('td', { 'data-label': name, 'data-part': name, class: numeric.has(name) ? 'number' : undefined }, ...children)
  const make = ({ id }: Node): HTMLElement => {
    const button = el('button', { type: 'button', class: 'small', 'data-part': 'button' })
    button.addEventListener('click', () => {
      const node = nodes.find(node => node.id === id)
      if (node === undefined || button.ariaBusy === 'true') return
      press(button, node).catch(report)
    })
    return el('tr', {},
      el('th', { scope: 'row', 'data-part': 'Node' }, el('span', { class: `swatch c${colourOf(id)}` }), el('span', { class: 'name' }, id), el('small', { 'data-part': 'address' })),
      cell('State', el('span', { class: 'pill', 'data-part': 'pill' }), el('small', { 'data-part': 'detail' }), el('progress', { 'data-part': 'progress', hidden: true, max: 1, 'aria-label': `Drain of ${id}` })),
      cell('Ring', el('meter', { 'data-part': 'meter', max: 1, 'aria-label': `Share of ${id}` }), el('span', { 'data-part': 'share' })),
      ...columns.slice(3, -1).map(name => cell(name)),
      cell('Drain', button))
  }

  return {
    element: el('section', { class: 'card wide' }, el('h2', {}, 'Nodes'), table, empty),
    show (given, now) {
      nodes = given
      table.hidden = nodes.length === 0
      empty.hidden = nodes.length > 0
      keyed(body, nodes, ({ id }) => id, make, (row, node) => { update(row, node, now) })
    }
  }
}

const numeric: ReadonlySet<string> = new Set(['Sockets', 'Users', 'Messages', 'Refused', 'Loop lag', 'Memory', 'Up for', 'Heard'])

function update (row: Element, node: Node, now: number): void {
  row.className = node.state
  const isKnown = node.state !== 'down'
  const show = (name: typeof columns[number], text: string): HTMLElement => {
    const cell = part(row, name)
    setText(cell, text)
    return cell
  }
  const ifKnown = (text: string): string => isKnown ? text : notKnown
  const address = part(row, 'address')
  setText(address, `${hostOf(node.url)}${node.weight === 1 ? '' : `, weight ${count(node.weight)}`}`)
  address.title = node.url
  showState(row, node)
  const meter = part(row, 'meter') as HTMLMeterElement
  meter.value = node.ringShare
  meter.hidden = node.ringShare === 0
  setText(part(row, 'share'), node.ringShare === 0 ? 'not on it' : share(node.ringShare))
  show('Sockets', ifKnown(count(node.sockets)))
  show('Users', ifKnown(count(node.users)))
  show('Messages', ifKnown(perSecond(node.messagesPerSecond)))
  show('Refused', node.refusalsPerSecond === null ? notKnown : ifKnown(perSecond(node.refusalsPerSecond))).classList.toggle('high', isKnown && (node.refusalsPerSecond ?? 0) > 0)
  show('Loop lag', ifKnown(milliseconds(node.eventLoopLagMs))).classList.toggle('high', isKnown && node.eventLoopLagMs > highLagMs)
  show('Memory', ifKnown(bytes(node.rssBytes)))
  show('Store', ifKnown(`${node.store}, ${node.dispatch}`)).classList.toggle('high', isKnown && /\(/.test(`${node.store}${node.dispatch}`))
  show('Version', node.version)
  show('Up for', ifKnown(duration(now - Date.parse(node.startedAt))))
  show('Heard', `${duration(now - Date.parse(node.lastSeen))} ago`)
  const button = part(row, 'button') as HTMLButtonElement
  const verb = node.state === 'draining' ? 'Put back' : 'Drain'
  setText(button, verb)
  button.setAttribute('aria-label', `${verb} ${node.id}`)
  button.hidden = !isKnown || node.isClockOff
}

/** Nodes of one process differ in the path alone, which is their id. */
const hostOf = (url: string): string => URL.canParse(url) ? new URL(url).host : url

function showState (row: Element, node: Node): void {
  const { state, drain, sockets, isClockOff } = node
  const pill = part(row, 'pill')
  const isDrained = state === 'draining' && !isClockOff && drain?.endedAt != null
  setText(pill, isClockOff ? 'clock off' : isDrained ? 'drained' : state)
  pill.className = `pill ${isDrained ? 'drained' : state}`
  const detail = isClockOff
    ? 'it takes no users until its clock is right'
    : isDrained
      ? `no socket left since ${time(drain.endedAt!)}; it can be stopped`
      : state === 'draining'
        ? `${count(sockets)} of ${count(Math.max(sockets, drain?.socketsAtStart ?? sockets))} sockets left`
        : state === 'suspect'
          ? 'silent; figures as last heard'
          : ''
  setText(part(row, 'detail'), detail)
  const progress = part(row, 'progress') as HTMLProgressElement
  progress.hidden = state !== 'draining' || isDrained || isClockOff || drain === null || drain.socketsAtStart === 0
  if (!progress.hidden && drain !== null) progress.value = 1 - sockets / drain.socketsAtStart
}
