/** `npm run bench`: every row beside its baseline, in turns; the table as Markdown on stdout, progress on stderr. */
import { parseArgs } from 'node:util'
import { benchAgainst, findCommit } from './against.js'
import { runRow, type RowResult } from './interleave.js'
import type { ProfileShare } from './profile.js'
import type { Size } from './row.js'
import { rows } from './rows.js'
import { skippedLine, tableHead, tableLine } from './table.js'

const help = `npm run bench -- [--row NAME]... [--runs N] [--short] [--profile] [--json] [--against REV]

Each row: ours beside a baseline, in turns; the table as Markdown on stdout, progress on stderr. A cell is the median of the
turns with the least and the most. Our sockets ask for what our client libraries ask for: entries of form 2, unread messages counted
along. "200 bytes, bare": the same baseline with what a user of it would emit, without what Gatepost adds to a message. "bytes on the
wire": of TCP, to and from the clients for one unit, counted at their sockets (in the rows of mongodb: between the node and MongoDB).
docs/performance.md says how it measures, and how to read it.

  --row NAME     only this row; may be repeated. The rows:
${rows.map(({ name, ours, baseline }) => `                 ${name}: ${ours}\n                   beside: ${baseline}`).join('\n')}
  --runs N       turns of each side that count (5)
  --profile      where the time of our servers goes, after the last turn, on stderr
  --short        a quarter of the messages
  --json         the results as JSON, one line for each row
  --against REV  each row beside itself at a former revision, which is built first; from 0ed607c on
  --help         this

What a row needs: nats-server (drop-foreign, push-remote), redis-server (push-remote), MongoDB at GATEPOST_TEST_MONGODB_URL,
a mongod in PATH, or the stand-in of scripts/install-mongo-java-server.sh (rows of mongodb). One that lacks it is skipped by name.
`

const { values } = parseArgs({
  options: {
    row: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    profile: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    against: { type: 'string' },
    help: { type: 'boolean', default: false }
  }
})

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const profileText = (shares: readonly ProfileShare[]): string => shares.filter(({ share }) => share >= 0.01)
  .map(({ place, share, functions }) => `    ${percent(share).padStart(7)}  ${place}: ${functions.map(([name, part]) => `${name} ${percent(part)}`).join(', ')}`).join('\n')

async function main (): Promise<number> {
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const runs = Number(values.runs)
  const unknown = (values.row ?? []).filter(name => !rows.some(row => row.name === name))
  if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1) {
    process.stderr.write(unknown.length > 0 ? `--row: got ${unknown.join(', ')}; takes ${rows.map(({ name }) => name).join(', ')}\n` : '--runs: takes a whole number from 1\n')
    return 2
  }
  const size: Size = values.short ? 'short' : 'full'
  const chosen = rows.filter(({ name }) => values.row === undefined || values.row.includes(name))
  const say = (text: string): void => { process.stderr.write(`${text}\n`) }
  if (values.against !== undefined) {
    try {
      findCommit(values.against)
    } catch (error) {
      process.stderr.write(`${(error as Error).message}\n`)
      return 2
    }
    await benchAgainst(values.against, { runs, rows: chosen.map(({ name }) => name), args: values.short ? ['--short'] : [], print: line => { console.log(line) }, say })
    return 0
  }
  if (!values.json) console.log(tableHead())
  for (const row of chosen) {
    const missing = await row.missing?.()
    if (missing !== undefined) {
      console.log(values.json ? JSON.stringify({ name: row.name, skipped: missing }) : skippedLine(row.name, missing))
      continue
    }
    say(`${row.name}: ${row.ours}, beside: ${row.baseline}`)
    const result: RowResult = await runRow(row, size, {
      runs,
      warmUps: row.isFreshEachTurn === true ? 0 : 1,
      onTurn: text => { say(`  ${text}`) },
      ...values.profile && { onProfile: (server, shares) => { say(`  server ${server + 1}:\n${profileText(shares)}`) } }
    })
    console.log(values.json ? JSON.stringify(result) : tableLine(row, result))
  }
  return 0
}

process.exit(await main())
