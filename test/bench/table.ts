import type { RowResult, Spread } from './interleave.js'
import type { Row } from './row.js'

const shown = (value: number): string => value >= 1_000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 10 ? 2 : 1)
export const spread = ({ median, min, max }: Spread): string => `${shown(median)} (${shown(min)}–${shown(max)})`

/** As Markdown, so that it can be read where it is printed and kept where it is documented. */
export const tableHead = (): string => [
  '| row | unit | ours, µs of server CPU | baseline | ratio | reach | |',
  '| --- | --- | --- | --- | --- | --- | --- |'
].join('\n')

export function tableLine ({ reach, noWorse = [] }: Pick<Row, 'reach' | 'noWorse'>, result: RowResult): string {
  const goal = reach.kind === 'rate' ? `≥ ${reach.atLeast}x` : `≤ ${reach.atMost}x the cost`
  const figures = Object.entries(result.figures).map(([name, { ours, baseline }]) => `${name}: ${spread(ours)} against ${spread(baseline)}`)
  const cells = [
    result.name, result.unit, spread(result.ours), spread(result.baseline), spread(result.ratio),
    goal + (noWorse.length === 0 ? '' : `; ${noWorse.join(', ')} no worse`),
    [result.isReached ? 'reached' : 'missed', ...figures].join('; ')
  ]
  return `| ${cells.join(' | ')} |`
}

export const skippedLine = (name: string, why: string): string => `| ${name} | | | | | | skipped: ${why} |`
