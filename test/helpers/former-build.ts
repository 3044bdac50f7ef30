/**
 * The version before this one, built from git: its processes must run beside those of this build, and each must read what the other
 * has stored. It is built once, into .servers, with the packages of this build.
 */
import { execFile } from 'node:child_process'
import { existsSync, renameSync, symlinkSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)

/** The last commit of it. A new version puts its own here once the next one begins. */
const formerCommit = '0ed607c'

export const formerMissing = `needs git and the commit ${formerCommit} (a clone that is not shallow)`

/** Its bin/gatepost.js; undefined where git or the commit is not there: skip with `formerMissing`. */
export async function findFormerBuild (): Promise<string | undefined> {
  const servers = join(root, '.servers')
  const home = join(servers, `gatepost-${formerCommit}`)
  const program = join(home, 'bin', 'gatepost.js')
  if (existsSync(program)) return program
  try { await run('git', ['cat-file', '-e', `${formerCommit}^{commit}`], { cwd: root }) } catch { return undefined }
  await mkdir(servers, { recursive: true })
  const making = await mkdtemp(join(servers, 'making-'))
  try {
    await run('sh', ['-c', `git archive ${formerCommit} | tar -x -C "$0"`, making], { cwd: root })
    symlinkSync(join(root, 'node_modules'), join(making, 'node_modules'))
    // Unchecked: its types need not fit the packages of this build. In an environment without the test runner's hooks.
    const node = async (...args: string[]): Promise<unknown> => await run('env', ['-u', 'NODE_OPTIONS', process.execPath, ...args], { cwd: making })
    await node(join(making, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--noCheck')
    await node(join(making, 'scripts', 'build-pages.js'))
    try { renameSync(making, home) } catch (error) {
      // Another test file may have made it meanwhile.
      if (!existsSync(program)) throw error
    }
  } finally { await rm(making, { recursive: true, force: true }) }
  return program
}
