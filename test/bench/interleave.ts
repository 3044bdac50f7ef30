/** Runs the two sides of a row in turns (A B A B …) and takes the medians. */
import type { ProfileShare } from './profile.js'
import type { Contest, Measured, Row } from './row.js'

export interface Spread { readonly median: number, readonly min: number, readonly max: number }

export type Side = 'ours' | 'baseline' | 'bare'
export type Turns = Readonly<Record<'ours' | 'baseline', readonly Measured[]>> & { readonly bare?: readonly Measured[] }

export interface RowResult {
  readonly name: string
  readonly unit: string
  readonly runs: number
  readonly ours: Spread
  readonly baseline: Spread
  /** As the row's `reach` counts: rates or costs. Of the medians; min and max over the pairs of neighbours. */
  readonly ratio: Spread
  /** The baseline with the payload of a user, and the ratio to it. */
  readonly bare?: { readonly cost: Spread, readonly ratio: Spread }
  /** Medians, for one unit, of the sides that count them. */
  readonly wireBytes?: Readonly<Partial<Record<Side, number>>>
  readonly figures: Readonly<Record<string, Readonly<Partial<Record<Side, Spread>>>>>
  readonly isReached: boolean
  readonly note?: string
}

export function spreadOf (values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) / 2
  return { median: (sorted[Math.floor(at)]! + sorted[Math.ceil(at)]!) / 2, min: sorted[0]!, max: sorted.at(-1)! }
}

export interface InterleaveOptions {
  readonly runs: number
  /** Turns that count for nothing: code gets compiled, caches get filled. */
  readonly warmUps: number
  readonly onTurn?: (text: string) => void
  /** Called once more than there are runs, with a turn of ours under the profiler: its figures count for nothing. */
  readonly onProfile?: (server: number, shares: readonly ProfileShare[]) => void
}

export async function interleave (contest: Contest, { runs, warmUps, onTurn, onProfile }: InterleaveOptions): Promise<Turns> {
  const ours: Measured[] = []
  const baseline: Measured[] = []
  const bare: Measured[] = []
  for (let turn = -warmUps; turn < runs; turn++) {
    const one = await contest.ours()
    const other = await contest.baseline()
    const plain = await contest.bare?.()
    onTurn?.(`${turn < 0 ? 'warm-up' : `${turn + 1} of ${runs}`}: ${one.cost.toFixed(2)} against ${other.cost.toFixed(2)}${plain === undefined ? '' : ` and ${plain.cost.toFixed(2)}`}`)
    if (turn < 0) continue
    ours.push(one)
    baseline.push(other)
    if (plain !== undefined) bare.push(plain)
  }
  if (onProfile !== undefined) await profile(contest, onProfile)
  return { ours, baseline, ...bare.length > 0 && { bare } }
}

async function profile ({ ours, servers = [] }: Contest, onProfile: NonNullable<InterleaveOptions['onProfile']>): Promise<void> {
  if (servers.length === 0) return
  await Promise.all(servers.map(async server => await server.ask('startProfile')))
  await ours()
  for (const [i, server] of servers.entries()) onProfile(i, await server.ask<ProfileShare[]>('stopProfile'))
}

type Compared = Pick<Row, 'name' | 'unit' | 'reach' | 'reachBare' | 'noWorse'>

export function resultOf (row: Compared, turns: Turns): RowResult {
  const { ours, baseline, bare } = turns
  const kind = row.reach.kind === 'rate' ? 'rate' : 'cost'
  const ratio = ratioOf(kind, ours, baseline)
  const figures = figuresOf(turns)
  const wireBytes = mapSides(turns, measured => measured.every(one => one.wireBytes !== undefined) ? spreadOf(measured.map(one => one.wireBytes!)).median : undefined)
  const toBare = bare === undefined ? undefined : { cost: spreadOf(bare.map(({ cost }) => cost)), ratio: ratioOf(kind, ours, bare) }
  const own = spreadOf(ours.map(({ cost }) => cost))
  const isNoWorse = (row.noWorse ?? []).every(name => {
    const figure = figures[name]
    return figure?.ours !== undefined && figure.baseline !== undefined && figure.ours.median <= figure.baseline.median
  })
  const isFarEnough = row.reach.kind === 'rate' ? ratio.median >= row.reach.atLeast : (row.reach.kind === 'own' ? own.median : ratio.median) <= row.reach.atMost
  const isFarFromBare = row.reachBare === undefined || toBare === undefined || toBare.ratio.median >= row.reachBare
  return {
    name: row.name, unit: row.unit, runs: ours.length, ours: own, baseline: spreadOf(baseline.map(({ cost }) => cost)), ratio,
    ...toBare !== undefined && { bare: toBare }, ...Object.keys(wireBytes).length > 0 && { wireBytes }, figures, isReached: isFarEnough && isNoWorse && isFarFromBare
  }
}

/** Of the medians; least and most of the pairs of neighbours. */
function ratioOf (kind: 'rate' | 'cost', ours: readonly Measured[], others: readonly Measured[]): Spread {
  const of = (one: number, other: number): number => kind === 'rate' ? other / one : one / other
  const median = (turns: readonly Measured[]): number => spreadOf(turns.map(({ cost }) => cost)).median
  return { ...spreadOf(ours.map(({ cost }, i) => of(cost, others[i]!.cost))), median: of(median(ours), median(others)) }
}

/** What is undefined of a side is left out. */
function mapSides<T> (turns: Turns, map: (measured: readonly Measured[]) => T | undefined): Partial<Record<Side, T>> {
  const found: Partial<Record<Side, T>> = {}
  for (const side of ['ours', 'baseline', 'bare'] as const) {
    const value = turns[side] === undefined ? undefined : map(turns[side])
    if (value !== undefined) found[side] = value
  }
  return found
}

function figuresOf (turns: Turns): RowResult['figures'] {
  return Object.fromEntries(Object.keys(turns.ours[0]?.figures ?? {}).map(name => [name, mapSides(turns, measured => {
    const values = measured.map(({ figures }) => figures?.[name]).filter(value => value !== undefined)
    return values.length === 0 ? undefined : spreadOf(values)
  })]))
}

export async function runRow (row: Row, size: Parameters<Row['prepare']>[0], options: InterleaveOptions): Promise<RowResult> {
  const contest = await row.prepare(size)
  try {
    const result = resultOf(row, await interleave(contest, options))
    return contest.note === undefined ? result : { ...result, note: contest.note }
  } finally {
    await contest.close()
  }
}
