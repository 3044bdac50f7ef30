/**
 * The histogram of answered requests. Every answer is counted in it, so it counts in arrays: prom-client's finds a series, at
 * each count, by a text made of all its labels, and a bucket by the text of its bound.
 */
export interface AnsweredRequest {
  readonly method: string
  /** The pattern (`/messages/:id`), never the address: the number of series must stay bounded. */
  readonly route: string
  readonly status: number
  readonly seconds: number
}

export interface RequestTimes {
  observe: (request: AnsweredRequest) => void
  /** As Prometheus reads it. */
  text: () => string
}

interface Series {
  readonly method: string
  readonly status: number
  /** By bound, not summed up; the last is for what is above all bounds. */
  readonly counts: number[]
  sum: number
}

/** `bounds`: in seconds, ascending. */
export function createRequestTimes ({ name, help, bounds }: { name: string, help: string, bounds: readonly number[] }): RequestTimes {
  /** A route has few methods and statuses. */
  const byRoute = new Map<string, Series[]>()

  const seriesOf = ({ method, route, status }: AnsweredRequest): Series => {
    let ofRoute = byRoute.get(route)
    if (ofRoute === undefined) byRoute.set(route, ofRoute = [])
    for (const series of ofRoute) if (series.status === status && series.method === method) return series
    const series = { method, status, counts: [...bounds, Infinity].map(() => 0), sum: 0 }
    ofRoute.push(series)
    return series
  }

  function * lines (): Generator<string> {
    yield `# HELP ${name} ${help}`
    yield `# TYPE ${name} histogram`
    for (const [route, ofRoute] of byRoute) {
      for (const { method, status, counts, sum } of ofRoute) {
        const labels = `method="${method}",route="${escaped(route)}",status="${status}"`
        let total = 0
        for (const [at, count] of counts.entries()) {
          total += count
          yield `${name}_bucket{le="${bounds[at] ?? '+Inf'}",${labels}} ${total}`
        }
        yield `${name}_sum{${labels}} ${sum}`
        yield `${name}_count{${labels}} ${total}`
      }
    }
  }

  return {
    observe (request) {
      const { seconds } = request
      const series = seriesOf(request)
      let at = 0
      while (at < bounds.length && seconds > bounds[at]!) at++
      series.counts[at]!++
      series.sum += seconds
    },
    text: () => `${[...lines()].join('\n')}\n`
  }
}

const escaped = (label: string): string => label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
