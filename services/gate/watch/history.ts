/**
 * The last 15 minutes as this Gate heard them, for the dashboard's charts: of the whole cluster, of each node, and of each process, which
 * nodes and Gates may share: memory and event loop are a process's own. What was not heard is not known, and no zero.
 *
 * Heartbeats come each second; a step lasts five. A step keeps the last figure, of the event loop the worst.
 */
import { groupBy } from '../../../shared/platform/group-by.js'
import { createSeries, type Series } from './series.js'

export const stepMs = 5_000
export const steps = 180
/** Beyond these the totals still count all, and only the first ones have lines of their own. */
const maxMembers = 1_024

export interface Figures {
  readonly messagesPerSecond: number
  readonly sockets: number
  readonly refusalsPerSecond: number
}

export interface ProcessFigures {
  readonly eventLoopLagMs: number
  readonly rssBytes: number
}

/** What a node, or a Gate, tells. `process`: undefined where it does not say, then it counts as one of its own. */
export interface Told extends Figures, ProcessFigures { readonly id: string, readonly process: string | undefined }

type Line = Array<number | null>

export interface HistoryView {
  readonly stepMs: number
  /** When the last step ended, in ms since 1970; null before the first. */
  readonly endsAt: number | null
  readonly total: Readonly<Record<keyof Figures, Line>>
  /** The largest by memory, at most `limit`; `members` are the nodes and Gates in it. */
  readonly processes: ReadonlyArray<{ readonly process: string, readonly members: readonly string[], readonly eventLoopLagMs: Line, readonly rssBytes: Line }>
  readonly processCount: number
}

export interface History {
  heard: (told: Told) => void
  /** It fell silent or ended: its users are told of by the nodes that have them now. */
  silent: (id: string) => void
  /** A step is over. */
  step: (nowMs: number) => void
  view: (limit: number) => HistoryView
  /** Of one node or Gate; undefined where nothing was heard of it. */
  member: (id: string) => Readonly<Record<keyof Figures, Line>> | undefined
}

const fields = ['messagesPerSecond', 'sockets', 'refusalsPerSecond'] as const
const processFields = ['eventLoopLagMs', 'rssBytes'] as const

export function createHistory (size = steps): History {
  const total = createSeries(fields, size)
  const members = new Map<string, Series<keyof Figures>>()
  const processes = new Map<string, Series<keyof ProcessFigures>>()
  /** Who was in a process when it was heard last. */
  const inProcess = new Map<string, Set<string>>()
  let heard = new Map<string, Told>()
  let endsAt: number | null = null

  return {
    heard (told) {
      const worst = Math.max(told.eventLoopLagMs, heard.get(told.id)?.eventLoopLagMs ?? 0)
      heard.set(told.id, { ...told, eventLoopLagMs: worst })
    },
    silent: id => { heard.delete(id) },
    step (nowMs) {
      const all = [...heard.values()]
      heard = new Map()
      endsAt = nowMs
      total.add(all.length === 0 ? undefined : sumOf(all))
      addTo(members, fields, new Map(all.map(told => [told.id, told])), size)
      const byProcess = groupBy(all, processOf)
      addTo(processes, processFields, new Map([...byProcess].map(([process, told]) => [process, worstOf(told)])), size)
      for (const [process, told] of byProcess) if (processes.has(process)) inProcess.set(process, new Set(told.map(({ id }) => id)))
      for (const process of inProcess.keys()) if (!processes.has(process)) inProcess.delete(process)
    },
    view (limit) {
      const lines = [...processes].map(([process, series]) => ({
        process, members: [...inProcess.get(process) ?? []].sort(), eventLoopLagMs: series.of('eventLoopLagMs'), rssBytes: series.of('rssBytes')
      }))
      lines.sort((one, other) => lastOf(other.rssBytes) - lastOf(one.rssBytes) || (one.process < other.process ? -1 : 1))
      return { stepMs, endsAt, total: linesOf(total), processes: lines.slice(0, limit), processCount: lines.length }
    },
    member (id) {
      const series = members.get(id)
      return series === undefined ? undefined : linesOf(series)
    }
  }
}

const linesOf = (series: Series<keyof Figures>): Record<keyof Figures, Line> =>
  ({ messagesPerSecond: series.of('messagesPerSecond'), sockets: series.of('sockets'), refusalsPerSecond: series.of('refusalsPerSecond') })

function sumOf (all: readonly Told[]): Figures {
  const sum = (field: keyof Figures): number => all.reduce((total, told) => total + told[field], 0)
  return { messagesPerSecond: sum('messagesPerSecond'), sockets: sum('sockets'), refusalsPerSecond: sum('refusalsPerSecond') }
}

/** All of one process tell the same, a moment apart. */
const worstOf = (told: readonly Told[]): ProcessFigures =>
  ({ eventLoopLagMs: Math.max(...told.map(one => one.eventLoopLagMs)), rssBytes: Math.max(...told.map(one => one.rssBytes)) })

/** One that says nothing of its process shares it with nobody, as far as is known. */
export const processOf = ({ id, process }: Pick<Told, 'id' | 'process'>): string => process ?? `of ${id}`

/** A step of each line. Lines that nothing was heard of in all steps end; new ones begin while there is room. */
function addTo<F extends string> (lines: Map<string, Series<F>>, fields: readonly F[], figures: ReadonlyMap<string, Readonly<Record<F, number>>>, size: number): void {
  for (const [id, series] of lines) {
    series.add(figures.get(id))
    if (series.isEmpty) lines.delete(id)
  }
  for (const [id, first] of figures) {
    if (lines.has(id) || lines.size >= maxMembers) continue
    const series = createSeries(fields, size)
    series.add(first)
    lines.set(id, series)
  }
}

const lastOf = (line: Line): number => line.at(-1) ?? -1
