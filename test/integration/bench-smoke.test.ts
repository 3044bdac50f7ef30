/** Every row of the comparison yields figures; how large they are is for `npm run bench`. */
import t from 'tap'
import { bareBytes, barePayload } from '../bench/message.js'
import { runRow } from '../bench/interleave.js'
import { rows } from '../bench/rows.js'
import { tableHead, tableLine } from '../bench/table.js'

const columns = (line: string): number => line.split('|').length

// A variant is the same program with other numbers: one of each is tried.
for (const row of rows.filter(({ variantOf }) => variantOf === undefined)) {
  const missing = await row.missing?.()
  t.test(`comparison - ${row.name} yields figures for both sides`, { skip: missing ?? false }, async t => {
    const result = await runRow(row, 'tiny', { runs: 1, warmUps: 0 })
    t.equal(result.name, row.name)
    t.equal(result.runs, 1)
    for (const { median } of [result.ours, result.baseline]) t.ok(Number.isFinite(median), `a figure: ${median}`)
    // Memory of twenty sockets may be nothing, or less; what takes CPU takes some.
    if (row.costIn !== 'bytes') t.ok(result.ours.median > 0 && result.baseline.median > 0 && result.ratio.median > 0)
    for (const name of row.noWorse ?? []) {
      const figure = result.figures[name]
      t.ok((figure?.ours?.median ?? 0) > 0 && (figure?.baseline?.median ?? 0) > 0, `${name} of both`)
    }
    if (row.reachBare !== undefined) t.ok(result.bare !== undefined && result.bare.cost.median > 0 && result.bare.ratio.median > 0, 'a figure of the user\'s payload')
    for (const bytes of Object.values(result.wireBytes ?? {})) t.ok(bytes > 0, 'bytes on the wire')
    t.equal(columns(tableLine(row, result)), columns(tableHead().split('\n')[0] ?? ''), 'a whole line of the table')
  })
}

t.test('comparison - a variant names the row whose program it is, and a bare payload is 200 bytes', async t => {
  for (const { variantOf } of rows) if (variantOf !== undefined) t.ok(rows.some(({ name }) => name === variantOf))
  for (const n of [0, 99, 12_345]) t.equal(JSON.stringify(barePayload(n, n * 1.5)).length, bareBytes)
})

t.test('comparison - no two rows have one name', async t => {
  t.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
})
