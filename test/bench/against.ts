/**
 * `npm run bench -- --against REV`: each row of this tree beside the same row of a former revision, in turns, so that a change is
 * measured against yesterday on the same machine in the same minutes. The former one is built once, into .servers, with the packages
 * of this tree. Each turn is a process of its own.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { spreadOf, type RowResult } from './interleave.js'
import { spread } from './table.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Turn { readonly now: RowResult, readonly then: RowResult }

/** Throws, in the words of the command line, where git does not know it. */
export function findCommit (revision: string): string {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', '--verify', '--end-of-options', `${revision}^{commit}`], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    throw new Error(`--against: got ${JSON.stringify(revision)}; takes a revision that git knows here`)
  }
}

/** The folder of the commit, built. */
function buildFormer (commit: string): string {
  const servers = join(root, '.servers')
  const home = join(servers, `bench-${commit}`)
  if (existsSync(home)) return home
  mkdirSync(servers, { recursive: true })
  const making = mkdtempSync(join(servers, 'making-'))
  try {
    execFileSync('sh', ['-c', `git archive ${commit} | tar -x -C "$0"`, making], { cwd: root })
    symlinkSync(join(root, 'node_modules'), join(making, 'node_modules'))
    const node = (...args: string[]): unknown => execFileSync(process.execPath, args, { cwd: making, stdio: ['ignore', 'ignore', 'inherit'] })
    // Unchecked: its types need not fit the packages of this tree.
    node(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--noCheck')
    node(join(making, 'scripts', 'build-pages.js'))
    renameSync(making, home)
  } finally { rmSync(making, { recursive: true, force: true }) }
  return home
}

/** Undefined where the row is skipped, or not there. */
async function runOnce (tree: string, row: string, args: readonly string[]): Promise<RowResult | undefined> {
  const main = join(tree, 'test', 'bench', 'main.ts')
  const child = spawn(process.execPath, ['--import=tsx', main, '--row', row, '--runs', '1', '--json', ...args], { cwd: tree, stdio: ['ignore', 'pipe', 'pipe'] })
  let problem = ''
  child.stderr.on('data', (chunk: Buffer) => { problem = (problem + chunk.toString()).slice(-2_000) })
  const results: Array<RowResult & { skipped?: string }> = []
  createInterface({ input: child.stdout }).on('line', line => { results.push(JSON.parse(line)) })
  const [code] = await once(child, 'close') as [number | null]
  if (code === 2 && problem.startsWith('--row: ')) return undefined
  if (code !== 0) throw new Error(`the bench in ${tree} ended with ${code}: ${problem}`)
  return results.find(({ skipped }) => skipped === undefined)
}

export const againstHead = (revision: string): string => [
  `| row | unit | now, µs of server CPU | ${revision} | now / ${revision} | its baseline, which is one program: now / then |`,
  '| --- | --- | --- | --- | --- | --- |'
].join('\n')

/** Costs: below 1 is cheaper now. The last column says how far the machine itself drifted between the two. */
export function againstLine (turns: readonly Turn[]): string {
  const of = (side: 'ours' | 'baseline', tree: 'now' | 'then'): number[] => turns.map(turn => turn[tree][side].median)
  const quotients = (side: 'ours' | 'baseline'): number[] => turns.map(({ now, then }) => now[side].median / then[side].median)
  const { name, unit } = turns[0]!.now
  return `| ${[name, unit, ...[of('ours', 'now'), of('ours', 'then'), quotients('ours'), quotients('baseline')].map(values => spread(spreadOf(values)))].join(' | ')} |`
}

export interface AgainstOptions {
  readonly runs: number
  /** Names of rows. */
  readonly rows: readonly string[]
  /** Flags of each turn. */
  readonly args: readonly string[]
  readonly print: (line: string) => void
  readonly say: (text: string) => void
}

export async function benchAgainst (revision: string, { runs, rows, args, print, say }: AgainstOptions): Promise<void> {
  const former = buildFormer(findCommit(revision))
  print(againstHead(revision))
  for (const row of rows) {
    const turns: Turn[] = []
    for (let i = 0; i < runs; i++) {
      // Now, then; then, now: what drifts over minutes falls on both.
      const order = i % 2 === 0 ? [root, former] : [former, root]
      const results = new Map<string, RowResult | undefined>()
      for (const tree of order) results.set(tree, await runOnce(tree, row, args))
      const now = results.get(root)
      const then = results.get(former)
      if (now === undefined || then === undefined) break
      turns.push({ now, then })
      say(`${row}: ${i + 1} of ${runs}: ${now.ours.median.toFixed(2)} against ${then.ours.median.toFixed(2)}`)
    }
    print(turns.length === 0 ? `| ${row} | | | | | skipped, or not in both |` : againstLine(turns))
  }
}
