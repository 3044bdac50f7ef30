// Builds dist/: `node scripts/build.js`; with `--if-stale` only where a source is newer than the last build, so that
// npm's `prepare`, which npx runs again and again for a checkout, costs nothing when there is nothing to do.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
/** What is compiled by itself: the server, and the package that sites install. */
const projects = [
  { config: 'tsconfig.build.json', folders: ['services', 'shared'], from: root, to: dist },
  { config: 'clients/tsconfig.build.json', folders: ['.'], from: join(root, 'clients'), to: join(root, 'clients', 'dist') }
]
const stamp = join(dist, '.built')
const sourceFolders = ['services', 'shared', 'clients', 'scripts']
/** Packages are part of the bundle. */
const sourceFiles = ['package.json', 'package-lock.json', 'tsconfig.json', ...projects.map(({ config }) => config)]
const isMade = name => name === 'dist' || name === 'node_modules'

function * filesBelow (folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) yield path
    else if (!isMade(entry.name)) yield * filesBelow(path)
  }
}

function isFresh () {
  if (!existsSync(stamp)) return false
  const builtMs = statSync(stamp).mtimeMs
  const sources = [...sourceFiles.map(file => join(root, file)), ...sourceFolders.flatMap(folder => [...filesBelow(join(root, folder))])]
  return sources.every(path => statSync(path).mtimeMs <= builtMs)
}

/** What was compiled from a source that is gone would still be found by an import. */
function removeOrphans () {
  for (const { folders, from, to } of projects) {
    for (const folder of folders.map(folder => join(to, folder)).filter(existsSync)) {
      for (const path of filesBelow(folder)) {
        if (!path.endsWith('.d.ts')) continue
        const stem = path.slice(to.length, -'.d.ts'.length)
        if (existsSync(join(from, `${stem}.ts`))) continue
        for (const ending of ['.d.ts', '.js', '.js.map']) rmSync(join(to, stem + ending), { force: true })
      }
    }
  }
}

if (process.argv.includes('--if-stale') && isFresh()) process.exit(0)

const startedAt = new Date()
let tsc
try {
  tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
} catch {
  if (existsSync(stamp)) process.exit(0) // installed without what builds, beside a build that is there
  console.error('gatepost: nothing is built yet and TypeScript is missing: run `npm install` without --omit=dev')
  process.exit(1)
}
try {
  for (const { config } of projects) execFileSync(process.execPath, [tsc, '-p', join(root, config)], { cwd: root, stdio: 'inherit' })
  removeOrphans()
  for (const script of ['build-pages.js', 'bundle-server.js']) execFileSync(process.execPath, [join(root, 'scripts', script)], { cwd: root, stdio: 'inherit' })
} catch (error) {
  // The compiler has said what is wrong.
  process.exit(typeof error.status === 'number' ? error.status : 1)
}
// Sources that changed during the build are newer than its stamp.
writeFileSync(stamp, `${startedAt.toISOString()}\n`)
utimesSync(stamp, startedAt, startedAt)
