/** Geometry of charts and rings: numbers in, numbers and paths out. */
export type Point = readonly [x: number, y: number]

/** The next of 1, 2, 2.5, 5, 10, ... that is no less. */
export function niceCeiling (value: number): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 2.5, 5, 10].find(step => step * power >= value * (1 - 1e-9)) ?? 10) * power
}

/** A path through the points, broken where one is missing; with a `floor` closed down to it. */
export function linePath (points: ReadonlyArray<Point | null>, floor?: number): string {
  const runs: Point[][] = []
  let run: Point[] | undefined
  for (const point of points) {
    if (point === null) { run = undefined; continue }
    if (run === undefined) runs.push(run = [])
    run.push(point)
  }
  const text = ([x, y]: Point): string => `${round(x)} ${round(y)}`
  return runs.map(run => {
    // A single point would be no line.
    const shown = run.length === 1 ? [run[0]!, [run[0]![0] + 1, run[0]![1]] as const] : run
    const path = `M${shown.map(text).join('L')}`
    return floor === undefined ? path : `${path}L${text([shown.at(-1)![0], floor])}L${text([shown[0]![0], floor])}Z`
  }).join('')
}

export interface Arc { readonly owner: number, readonly from: number, readonly to: number }

/** Places with the same owner that lie side by side, as one arc: parts of the ring, 0 to 1. */
export function arcsOf (places: readonly number[]): Arc[] {
  const arcs: Arc[] = []
  places.forEach((owner, at) => {
    const last = arcs.at(-1)
    if (last?.owner === owner) arcs[arcs.length - 1] = { ...last, to: (at + 1) / places.length }
    else arcs.push({ owner, from: at / places.length, to: (at + 1) / places.length })
  })
  return arcs
}

/** The outline of a piece of a ring around 0, from the top clockwise. */
export function piecePath ({ from, to }: Pick<Arc, 'from' | 'to'>, inner: number, outer: number): string {
  // A whole turn ends where it began, which draws nothing.
  const end = Math.min(to, from + 0.9999)
  const at = (turn: number, radius: number): string => `${round(Math.sin(turn * 2 * Math.PI) * radius)} ${round(-Math.cos(turn * 2 * Math.PI) * radius)}`
  const isLarge = end - from > 0.5 ? 1 : 0
  return `M${at(from, outer)}A${outer} ${outer} 0 ${isLarge} 1 ${at(end, outer)}L${at(end, inner)}A${inner} ${inner} 0 ${isLarge} 0 ${at(from, inner)}Z`
}

const round = (value: number): number => Math.round(value * 100) / 100
