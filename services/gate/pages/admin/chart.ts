/** A line chart of the last 15 minutes. Lines have gaps where nothing was heard. A pointer, or the arrow keys, reads a moment off. */
import { el, setText, svg } from './dom.js'
import { linePath, niceCeiling, type Point } from './scale.js'

/** `colour`: below `colours` of ring.ts; each has a dash of its own too, for who cannot tell colours apart. */
export interface Line { readonly name: string, readonly values: ReadonlyArray<number | null>, readonly colour: number }

export interface ChartOptions {
  readonly title: string
  readonly format: (value: number) => string
  /** What the large number is of all lines; the sum where it is missing. */
  readonly combine?: 'sum' | 'max'
  /** The axis goes at least this far. */
  readonly least: number
  /** Of which the axis ends at a round number; 1 where it is missing. */
  readonly unit?: number
}

export interface Chart {
  readonly element: HTMLElement
  /** `endsAt`: when the last step ended, ms since 1970. */
  show: (lines: readonly Line[], stepMs: number, endsAt: number) => void
}

const height = 120
const marks = 2
const top = 8
const bottom = 18
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

export function createChart ({ title, format, combine = 'sum', least, unit = 1 }: ChartOptions): Chart {
  const now = el('strong', { class: 'now' })
  const reading = el('span', { class: 'reading', 'aria-live': 'polite' })
  const picture = svg('svg', { role: 'img', tabindex: 0, height, width: '100%', class: 'plot' })
  const legend = el('ul', { class: 'legend' })
  const element = el('figure', { class: 'card chart' }, el('figcaption', {}, el('span', { class: 'title' }, title), now, reading), picture, legend)
  let lines: readonly Line[] = []
  let [stepMs, endsAt] = [5_000, 0]
  /** The step that is read off; undefined: none. */
  let at: number | undefined

  const stepsOf = (): number => lines[0]?.values.length ?? 0
  const combined = (step: number): number | null => {
    const values = lines.map(({ values }) => values[step]).filter(value => value !== null && value !== undefined)
    if (values.length === 0) return null
    return combine === 'max' ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0)
  }

  function draw (): void {
    const width = Math.max(120, picture.clientWidth)
    const ceiling = niceCeiling(Math.max(least, ...lines.flatMap(({ values }) => values.map(value => value ?? 0))) / unit) * unit
    const x = (step: number): number => step / Math.max(1, stepsOf() - 1) * width
    const y = (value: number): number => top + (1 - value / ceiling) * (height - top - bottom)
    picture.setAttribute('viewBox', `0 0 ${width} ${height}`)
    picture.replaceChildren(
      ...Array.from({ length: marks + 1 }, (_, mark) => y(ceiling * mark / marks)).map(at => svg('line', { x1: 0, x2: width, y1: at, y2: at, class: 'mark' })),
      ...lines.flatMap(({ values, colour }) => {
        const points = values.map((value, step): Point | null => value === null ? null : [x(step), y(value)])
        return [
          lines.length === 1 && svg('path', { d: linePath(points, y(0)), class: `area c${colour}` }),
          svg('path', { d: linePath(points), class: `line c${colour}` })
        ]
      }).filter(drawn => drawn !== false),
      svg('text', { x: 0, y: y(ceiling) + 11, class: 'axis' }, format(ceiling)),
      svg('text', { x: 0, y: height - 4, class: 'axis' }, '15 min ago'),
      svg('text', { x: width, y: height - 4, class: 'axis end' }, 'now'),
      ...at === undefined ? [] : [svg('line', { x1: x(at), x2: x(at), y1: top, y2: height - bottom, class: 'cross' })]
    )
    tell()
  }

  function tell (): void {
    const last = combined(stepsOf() - 1)
    const known = Array.from({ length: stepsOf() }, (_, step) => combined(step)).filter(value => value !== null)
    setText(now, last === null ? '–' : format(last))
    picture.setAttribute('aria-label', `${title}: ${last === null ? 'not known now' : `${format(last)} now`}${known.length === 0 ? '' : `, at most ${format(Math.max(...known))} in the last 15 minutes`}. Arrow keys read it off.`)
    if (at === undefined) { setText(reading, ''); return }
    const when = clock.format(endsAt - (stepsOf() - 1 - at) * stepMs)
    const value = combined(at)
    setText(reading, `${when}: ${value === null ? 'nothing heard' : format(value)}`)
  }

  function read (step: number | undefined): void {
    at = step === undefined ? undefined : Math.min(stepsOf() - 1, Math.max(0, step))
    draw()
  }
  onReading(picture, stepsOf, () => at, read)
  new ResizeObserver(draw).observe(picture)

  return {
    element,
    show (given, step, end) {
      lines = given
      stepMs = step
      endsAt = end
      legend.replaceChildren(...lines.length < 2
        ? []
        : lines.map(({ name, values, colour }) => {
          const last = values.at(-1)
          return el('li', {}, key(colour), `${name} `, el('b', {}, last === null || last === undefined ? '–' : format(last)))
        }))
      draw()
    }
  }
}

/** A piece of the line. */
const key = (colour: number): SVGElement => svg('svg', { class: 'plot key', width: 24, height: 8, 'aria-hidden': 'true' }, svg('line', { x1: 0, x2: 24, y1: 4, y2: 4, class: `line c${colour}` }))

/** By a pointer, or by the arrow keys from the step that is read off now, or from the last. */
function onReading (picture: SVGSVGElement, stepsOf: () => number, now: () => number | undefined, read: (step: number | undefined) => void): void {
  picture.addEventListener('pointermove', event => { read(Math.round(event.offsetX / Math.max(1, picture.clientWidth) * (stepsOf() - 1))) })
  picture.addEventListener('pointerleave', () => { read(undefined) })
  picture.addEventListener('blur', () => { read(undefined) })
  picture.addEventListener('keydown', event => {
    const by = ({ ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12 } as Record<string, number>)[event.key]
    if (by === undefined) return
    event.preventDefault()
    read((now() ?? stepsOf() - 1) + by)
  })
}
