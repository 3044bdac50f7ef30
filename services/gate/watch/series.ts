/** The last figures of several kinds at equal steps, in memory that does not grow: the newest step takes the place of the oldest. */
export interface Series<F extends string> {
  /** The figures of the step that is over; undefined: nothing was heard. */
  add: (figures: Readonly<Record<F, number>> | undefined) => void
  /** Oldest first, null where nothing was heard. */
  of: (field: F) => Array<number | null>
  /** Nothing was heard in any step. */
  readonly isEmpty: boolean
}

/** One that begins later than others is filled up in front, so that all of them end at the same step. */
export function createSeries<F extends string> (fields: readonly F[], steps: number): Series<F> {
  const columns = new Map(fields.map(field => [field, new Float32Array(steps).fill(NaN)]))
  let at = 0
  /** How many steps lie between the last one with figures and now. */
  let silentSteps = steps
  return {
    add (figures) {
      for (const [field, column] of columns) column[at] = figures === undefined ? NaN : figures[field]
      silentSteps = figures === undefined ? Math.min(steps, silentSteps + 1) : 0
      at = (at + 1) % steps
    },
    of (field) {
      const column = columns.get(field)!
      return Array.from({ length: steps }, (_, i) => {
        const figure = column[(at + i) % steps]!
        return Number.isNaN(figure) ? null : Math.round(figure * 100) / 100
      })
    },
    get isEmpty () { return silentSteps >= steps }
  }
}
