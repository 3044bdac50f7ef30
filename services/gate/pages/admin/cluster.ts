/** The first page: the cluster now and over the last 15 minutes. */
import type { HistoryAnswer, Overview, RingPicture } from '../../routes/overview.js'
import { ask } from './ask.js'
import { createChart, type Line } from './chart.js'
import { el, keyed, part, setText } from './dom.js'
import { bytes, count, duration, milliseconds, perSecond, plural, time } from './format.js'
import { createNodesTable } from './nodes-table.js'
import { colours, createRing } from './ring.js'
import type { View } from './view.js'

const historyEachMs = 5_000
const words: Record<Overview['happenings'][number]['kind'], string> = {
  found: 'was there when this Gate started', joined: 'joined', suspect: 'fell silent for a moment', healed: 'is heard again', draining: 'drains', drained: 'is drained: no socket left',
  returned: 'takes users again', left: 'left', died: 'died: nothing heard of it', restarted: 'was started anew under the same id', 'link-lost': 'This Gate lost its link to the nodes', 'link-back': 'This Gate has its link again'
}

export function clusterView ({ refresh, report }: { refresh: () => Promise<void>, report: (problem: unknown) => void }): View {
  const [colourOf, colourOfProcess] = [createColours(), createColours()]
  const charts = {
    messagesPerSecond: createChart({ title: 'Messages', format: perSecond, least: 1 }),
    sockets: createChart({ title: 'Open sockets', format: count, least: 10 }),
    refusalsPerSecond: createChart({ title: 'Refused', format: perSecond, least: 1 }),
    eventLoopLagMs: createChart({ title: 'Event loop lag', format: milliseconds, combine: 'max', least: 10 }),
    rssBytes: createChart({ title: 'Memory', format: bytes, least: 64 * 2 ** 20, unit: 2 ** 20 })
  }
  const ring = createRing(colourOf)
  const nodes = createNodesTable({ colourOf, refresh, report })
  const happened = happenedCard()
  const gates = gatesCard()
  const element = el('div', { class: 'cluster' }, ...Object.values(charts).map(({ element }) => element), ring.element, nodes.element, happened.element, gates.element)
  let historyAtMs = -Infinity

  function showHistory ({ total, processes, processCount, stepMs, endsAt }: HistoryAnswer): void {
    if (endsAt === null) return
    const end = Date.parse(endsAt)
    for (const field of ['messagesPerSecond', 'sockets', 'refusalsPerSecond'] as const) charts[field].show([{ name: 'all', values: total[field], colour: 0 }], stepMs, end)
    const more = processCount > processes.length ? `, largest ${processes.length} of ${processCount}` : ''
    for (const field of ['eventLoopLagMs', 'rssBytes'] as const) {
      charts[field].show(processes.map((process): Line => ({ name: `${nameOfProcess(process.members)}${more}`, values: process[field], colour: colourOfProcess(process.process) })), stepMs, end)
    }
  }

  return {
    element,
    async load () {
      const overview = await ask<Overview>('overview')
      const now = Date.parse(overview.now)
      nodes.show(overview.nodes, now)
      happened.show(overview)
      gates.show(overview, now)
      if (performance.now() - historyAtMs >= historyEachMs) {
        const [history, picture] = await Promise.all([ask<HistoryAnswer>('history'), ask<RingPicture>('ring')])
        historyAtMs = performance.now()
        showHistory(history)
        ring.show(picture)
      }
      return summaryOf(overview)
    }
  }
}

/** Each name keeps its colour for as long as the page is open. */
function createColours (): (name: string) => number {
  const known = new Map<string, number>()
  return name => {
    if (!known.has(name)) known.set(name, known.size % colours)
    return known.get(name)!
  }
}

const nameOfProcess = (members: readonly string[]): string =>
  members.length <= 2 ? members.join(', ') : `${members[0]} and ${members.length - 1} more`

function summaryOf ({ nodes, total, isConnected }: Overview): string {
  const states = (['up', 'suspect', 'draining', 'down'] as const).map(state => ({ state, number: nodes.filter(node => node.state === state).length })).filter(({ number }) => number > 0)
  const parts = states.map(({ state, number }) => `${number} ${state}`)
  return `${parts.length === 0 ? 'no node' : parts.join(', ')} · ${plural(total.users, 'user')}${isConnected ? '' : ' · this Gate has no link to the nodes'}`
}

function happenedCard (): { element: HTMLElement, show: (overview: Overview) => void } {
  const list = el('ol', { class: 'happened', tabindex: 0, 'aria-label': 'What happened' })
  const since = el('p', { class: 'quiet small-text' })
  return {
    element: el('section', { class: 'card happened-card' }, el('h2', {}, 'What happened'), since, list),
    show ({ happenings, watchedSince }) {
      setText(since, `As this Gate saw it, since it started at ${time(watchedSince)}`)
      const counted = new Map<string, number>()
      const withKeys = happenings.map(happening => {
        const text = `${happening.at} ${happening.kind} ${happening.node}`
        const number = (counted.get(text) ?? 0) + 1
        counted.set(text, number)
        return { ...happening, key: `${text} ${number}` }
      })
      keyed(list, withKeys, ({ key }) => key, ({ at, kind, node }) => el('li', { class: kind }, el('time', { datetime: at }, time(at)), el('span', {}, node === null ? words[kind] : el('span', {}, el('b', {}, node), ` ${words[kind]}`))), () => {})
    }
  }
}

function gatesCard (): { element: HTMLElement, show: (overview: Overview, now: number) => void } {
  const list = el('ul', { class: 'gates' })
  return {
    element: el('section', { class: 'card gates-card' }, el('h2', {}, 'Gates'), list),
    show ({ gates }, now) {
      keyed(list, gates, ({ id }) => id,
        ({ id, isThis }) => el('li', {}, el('div', {}, el('b', {}, id), isThis ? el('span', { class: 'pill' }, 'this one') : null), el('small', { 'data-part': 'where' }), el('small', { 'data-part': 'figures' })),
        (item, gate) => {
          setText(part(item, 'where'), `${gate.url}, ${gate.version}, up for ${duration(now - Date.parse(gate.startedAt))}, heard ${duration(now - Date.parse(gate.lastSeen))} ago`)
          setText(part(item, 'figures'), `${perSecond(gate.requestsPerSecond)} requests, ${perSecond(gate.refusalsPerSecond)} refused, lag ${milliseconds(gate.eventLoopLagMs)}, ${bytes(gate.rssBytes)}`)
        })
    }
  }
}
