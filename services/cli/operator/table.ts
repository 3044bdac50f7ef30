import { plain } from './ask-gate.js'

/** Columns two spaces apart, numbers to the right. */
export function table (head: readonly string[], rows: ReadonlyArray<ReadonlyArray<string | number>>): string {
  const texts = [head, ...rows.map(row => row.map(plain))]
  const widths = head.map((_, column) => Math.max(...texts.map(row => row[column]?.length ?? 0)))
  const isNumber = head.map((_, column) => rows.length > 0 && rows.every(row => /^[\d.]+(?: %)?$/.test(String(row[column]))))
  return texts.map(row => row.map((text, column) => isNumber[column] === true ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0)).join('  ').trimEnd() + '\n').join('')
}
