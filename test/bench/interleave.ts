/** Runs the two sides of a row in turns (A B A B …) and takes the medians. */
import type { ProfileShare } from './profile.js'
import type { Contest, Measured, Row } from './row.js'

export interface Spread { readonly median: number, readonly min: number, readonly max: number }

export interface RowResult {
  readonly name: string
  readonly unit: string
  readonly runs: number
  readonly ours: Spread
  readonly baseline: Spread
  /** As the row's `reach` counts: rates or costs. Of the medians; min and max over the pairs of neighbours. */
  readonly ratio: Spread
  readonly figures: Readonly<Record<string, { readonly ours: Spread, readonly baseline: Spread }>>
  readonly isReached: boolean
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

export async function interleave (contest: Contest, { runs, warmUps, onTurn, onProfile }: InterleaveOptions): Promise<{ ours: Measured[], baseline: Measured[] }> {
  const ours: Measured[] = []
  const baseline: Measured[] = []
  for (let turn = -warmUps; turn < runs; turn++) {
    const one = await contest.ours()
    const other = await contest.baseline()
    onTurn?.(`${turn < 0 ? 'warm-up' : `${turn + 1} of ${runs}`}: ${one.cost.toFixed(2)} against ${other.cost.toFixed(2)}`)
    if (turn < 0) continue
    ours.push(one)
    baseline.push(other)
  }
  if (onProfile !== undefined) await profile(contest, onProfile)
  return { ours, baseline }
}

async function profile ({ ours, servers = [] }: Contest, onProfile: NonNullable<InterleaveOptions['onProfile']>): Promise<void> {
  if (servers.length === 0) return
  await Promise.all(servers.map(async server => await server.ask('startProfile')))
  await ours()
  for (const [i, server] of servers.entries()) onProfile(i, await server.ask<ProfileShare[]>('stopProfile'))
}

export function resultOf (row: Pick<Row, 'name' | 'unit' | 'reach' | 'noWorse'>, turns: { ours: readonly Measured[], baseline: readonly Measured[] }): RowResult {
  const ours = spreadOf(turns.ours.map(({ cost }) => cost))
  const baseline = spreadOf(turns.baseline.map(({ cost }) => cost))
  const ratioOf = (one: number, other: number): number => row.reach.kind === 'rate' ? other / one : one / other
  const pairs = spreadOf(turns.ours.map(({ cost }, i) => ratioOf(cost, turns.baseline[i]!.cost)))
  const ratio = { ...pairs, median: ratioOf(ours.median, baseline.median) }
  const figures = Object.fromEntries(Object.keys(turns.ours[0]?.figures ?? {}).map(name => [name, {
    ours: spreadOf(turns.ours.map(({ figures }) => figures?.[name] ?? NaN)),
    baseline: spreadOf(turns.baseline.map(({ figures }) => figures?.[name] ?? NaN))
  }]))
  const isNoWorse = (row.noWorse ?? []).every(name => figures[name] !== undefined && figures[name].ours.median <= figures[name].baseline.median)
  const isFarEnough = row.reach.kind === 'rate' ? ratio.median >= row.reach.atLeast : ratio.median <= row.reach.atMost
  return { name: row.name, unit: row.unit, runs: turns.ours.length, ours, baseline, ratio, figures, isReached: isFarEnough && isNoWorse }
}

export async function runRow (row: Row, size: Parameters<Row['prepare']>[0], options: InterleaveOptions): Promise<RowResult> {
  const contest = await row.prepare(size)
  try {
    return resultOf(row, await interleave(contest, options))
  } finally {
    await contest.close()
  }
}
