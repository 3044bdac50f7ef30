/** Every row of the comparison yields figures; how large they are is for `npm run bench`. */
import t from 'tap'
import { runRow } from '../bench/interleave.js'
import { rows } from '../bench/rows.js'
import { tableHead, tableLine } from '../bench/table.js'

const columns = (line: string): number => line.split('|').length

for (const row of rows) {
  const missing = await row.missing?.()
  t.test(`comparison - ${row.name} yields figures for both sides`, { skip: missing ?? false }, async t => {
    const result = await runRow(row, 'tiny', { runs: 1, warmUps: 0 })
    t.equal(result.name, row.name)
    t.equal(result.runs, 1)
    for (const { median } of [result.ours, result.baseline]) t.ok(Number.isFinite(median), `a figure: ${median}`)
    // Memory of twenty sockets may be nothing, or less; what takes CPU takes some.
    if (row.name !== 'idle-memory') t.ok(result.ours.median > 0 && result.baseline.median > 0 && result.ratio.median > 0)
    for (const name of row.noWorse ?? []) {
      const figure = result.figures[name]
      t.ok(figure !== undefined && figure.ours.median > 0 && figure.baseline.median > 0, `${name} of both`)
    }
    t.equal(columns(tableLine(row, result)), columns(tableHead().split('\n')[0] ?? ''), 'a whole line of the table')
  })
}

t.test('comparison - no two rows have one name', async t => {
  t.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
})
