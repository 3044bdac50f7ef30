import type { RowResult, Side, Spread } from './interleave.js'
import type { Row } from './row.js'

const shown = (value: number): string => value >= 1_000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 10 ? 2 : 1)
export const spread = ({ median, min, max }: Spread): string => `${shown(median)} (${shown(min)}–${shown(max)})`

/** As Markdown, so that it can be read where it is printed and kept where it is documented. */
export const tableHead = (): string => [
  '| row | unit | ours, µs of server CPU; sockets as our clients open them | baseline | ratio | 200 bytes, bare | ratio to that | reach | bytes on the wire: ours / baseline / bare | |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |'
].join('\n')

export function tableLine ({ reach, reachBare, noWorse = [], costIn }: Pick<Row, 'reach' | 'reachBare' | 'noWorse' | 'costIn'>, { name, unit, ours, baseline, ratio, bare, wireBytes, figures, isReached, note }: RowResult): string {
  const goal = reach.kind === 'rate' ? `≥ ${reach.atLeast}x` : reach.kind === 'cost' ? `≤ ${reach.atMost}x the cost` : `≤ ${shown(reach.atMost)}`
  const beside = Object.entries(figures).map(([name, sides]) => `${name}: ${bySide(sides, spread).join(' against ')}`)
  const cells = [
    name, costIn === undefined ? unit : `${unit}, ${costIn}`, spread(ours), spread(baseline), spread(ratio), bare === undefined ? '' : spread(bare.cost), bare === undefined ? '' : spread(bare.ratio),
    goal + (reachBare === undefined ? '' : `; bare ≥ ${reachBare}x`) + (noWorse.length === 0 ? '' : `; ${noWorse.join(', ')} no worse`),
    wireBytes === undefined ? '' : bySide(wireBytes, shown).join(' / '),
    [isReached ? 'reached' : 'missed', ...beside, ...note === undefined ? [] : [note]].join('; ')
  ]
  return `| ${cells.join(' | ')} |`
}

function bySide<T> (sides: Readonly<Partial<Record<Side, T>>>, show: (value: T) => string): string[] {
  return (['ours', 'baseline', 'bare'] as const).flatMap(side => sides[side] === undefined ? [] : [show(sides[side])])
}

export const skippedLine = (name: string, why: string): string => `| ${name} |${' |'.repeat(8)} skipped: ${why} |`
