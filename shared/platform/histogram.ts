/**
 * Histograms of times, in arrays: every answer and every entry is counted in one, and prom-client's finds a series, at each
 * count, by a text made of all its labels, and a bucket by the text of its bound.
 */
export interface Histogram {
  observe: (seconds: number) => void
  /** As Prometheus reads it, with the lines that name it. */
  text: () => string
}

export interface AnsweredRequest {
  readonly method: string
  /** The pattern (`/messages/:id`), never the address: the number of series must stay bounded. */
  readonly route: string
  readonly status: number
  readonly seconds: number
}

export interface RequestTimes {
  observe: (request: AnsweredRequest) => void
  text: () => string
}

/** `bounds`: in seconds, ascending. */
export interface HistogramOptions { readonly name: string, readonly help: string, readonly bounds: readonly number[] }

interface Series {
  /** By bound, not summed up; the last is for what is above all bounds. */
  readonly counts: number[]
  sum: number
}

export function createHistogram (options: HistogramOptions): Histogram {
  const series = createSeries(options)
  return {
    observe: seconds => { count(series, options, seconds) },
    text: () => [...namesOf(options), ...linesOf(series, options, ''), ''].join('\n')
  }
}

/** One series for each route, method and status. */
export function createRequestTimes (options: HistogramOptions): RequestTimes {
  /** A route has few methods and statuses. */
  const byRoute = new Map<string, Array<Series & { readonly method: string, readonly status: number }>>()

  function seriesOf ({ method, route, status }: AnsweredRequest): Series {
    let ofRoute = byRoute.get(route)
    if (ofRoute === undefined) byRoute.set(route, ofRoute = [])
    for (const series of ofRoute) if (series.status === status && series.method === method) return series
    const series = { method, status, ...createSeries(options) }
    ofRoute.push(series)
    return series
  }

  function * lines (): Generator<string> {
    yield * namesOf(options)
    for (const [route, ofRoute] of byRoute) {
      for (const series of ofRoute) yield * linesOf(series, options, `method="${series.method}",route="${escaped(route)}",status="${series.status}"`)
    }
  }

  return {
    observe: request => { count(seriesOf(request), options, request.seconds) },
    text: () => [...lines(), ''].join('\n')
  }
}

const createSeries = ({ bounds }: HistogramOptions): Series => ({ counts: [...bounds, Infinity].map(() => 0), sum: 0 })

function count (series: Series, { bounds }: HistogramOptions, seconds: number): void {
  let at = 0
  while (at < bounds.length && seconds > bounds[at]!) at++
  series.counts[at]!++
  series.sum += seconds
}

const namesOf = ({ name, help }: HistogramOptions): string[] => [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]

function * linesOf ({ counts, sum }: Series, { name, bounds }: HistogramOptions, labels: string): Generator<string> {
  let total = 0
  for (const [at, n] of counts.entries()) {
    total += n
    yield `${name}_bucket{le="${bounds[at] ?? '+Inf'}"${labels === '' ? '' : `,${labels}`}} ${total}`
  }
  const braced = labels === '' ? '' : `{${labels}}`
  yield `${name}_sum${braced} ${sum}`
  yield `${name}_count${braced} ${total}`
}

const escaped = (label: string): string => label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
