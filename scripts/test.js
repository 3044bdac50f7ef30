// `npm test`: builds what is stale, runs the tests (all, or the files and folders given), and says at the end what was left out and
// what that needs. Files run beside each other; one that fails is run once more by itself, and what then passes is named as unsteady.
// Counts are of named tests, read from the TAP that they wrote; they are kept in .tap/summary.json.
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, '.tap')
const output = join(folder, 'output.tap')
const serversFile = join(folder, 'servers.jsonl')

/** Test files by their paths from the root, of files and folders: the folders with the longest ones first, so that short ones end a run. */
export function findTests (paths = ['cluster', 'hostile', 'browser', 'conformance', 'integration', 'contract', 'unit'].map(name => join(root, 'test', name))) {
  return paths.flatMap(path => statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true }).filter(file => file.endsWith('.test.ts')).sort().map(file => join(path, file))
    : [path]).map(path => relative(root, resolve(path)).replaceAll('\\', '/'))
}

/**
 * What takes half a minute and more each: crowds, upgrades, rotations, long outages, everything that a page can do. `npm run test:full`
 * runs it, and so does its path.
 */
const long = new RegExp(`^test/(?:${[
  'cluster/(?:clocks|dead-shard|descriptors|ending|groups-outage|mixed-versions|outcomes|rolling-upgrade|secret-rotation)',
  'hostile/(?:floods|one-user|upgrades)',
  'browser/(?:gate-demo|inbox-faults|inbox-functions)',
  'conformance/(?:form-2-model|members)',
  'integration/(?:bench-command|bench-smoke|full-disk|migrate-faults)'
].join('|')})\\.test\\.ts$`)

/** More files than these that fail are no matter of timing: none is run again. */
const mostRunAgain = 5

/**
 * The results in a TAP 14 text. Depth 0 are files, depth 1 the tests in them; a file that failed without a failed
 * test (it crashed, or took too long) counts as one.
 */
export function readResults (tap) {
  const results = { passed: [], failed: [], skipped: [] }
  let failedInFile = 0
  let openFile
  for (const line of tap.split('\n')) {
    const heading = /^# Subtest: (.*)$/.exec(line)
    if (heading !== null) {
      openFile = heading[1]
      failedInFile = 0
    }
    const point = /^((?: {4})*)(not ok|ok)\b(?: \d+)?(?: - )?(.*)$/.exec(line)
    if (point === null) continue
    const depth = point[1].length / 4
    const isBlock = point[3].endsWith(' {')
    const [, name = '', directive, reason = ''] = /^(.*?)(?:\s+# (SKIP|TODO|time=\S+)\s*(.*?))?(?: \{)?$/i.exec(point[3]) ?? []
    const test = { file: openFile ?? name, name: name.replaceAll('\\#', '#'), reason: reason.replace(/\s*# time=.*$/, '') }
    if (depth === 0) {
      if (directive?.toUpperCase() === 'SKIP') results.skipped.push(test)
      else if (point[2] === 'not ok' && !isBlock && failedInFile === 0) results.failed.push({ ...test, reason: 'ended before its tests did' })
      if (isBlock) {
        openFile = name
        failedInFile = 0
      }
    } else if (directive?.toUpperCase() === 'SKIP') {
      results.skipped.push(test)
    } else if (depth === 1 && directive?.toUpperCase() !== 'TODO') {
      if (point[2] === 'ok') results.passed.push(test)
      else {
        results.failed.push(test)
        failedInFile++
      }
    }
  }
  return results
}

/** The exit code; `onLine` given = gets each line of stdout, which is then not shown. */
function run (command, args, onLine) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['inherit', onLine === undefined ? 'inherit' : 'pipe', 'inherit'] })
    if (onLine !== undefined) createInterface({ input: child.stdout }).on('line', onLine)
    child.once('error', reject)
    child.once('close', (code, signal) => { resolve(code ?? (signal === null ? 0 : 1)) })
  })
}

/** For a log: a line for each file, and all of what failed. Shows lines of TAP, one by one. */
function createLogFilter (show) {
  let isDiagnosing = false
  return line => {
    if (/^ *(?:not )?ok\b/.test(line)) isDiagnosing = /^ *not ok\b/.test(line) && !/# (?:TODO|SKIP)/i.test(line)
    if (isDiagnosing || /^(?:not )?ok\b/.test(line)) show(line)
    if (/^ *\.\.\.$/.test(line)) isDiagnosing = false
  }
}

/** A line for each server that the tests ran against: its version, and what it could not show. */
function serversSeen () {
  const seen = existsSync(serversFile) ? new Set(readFileSync(serversFile, 'utf8').trim().split('\n')) : new Set()
  const lines = [...seen].map(line => {
    const { name, version, cannotShow } = JSON.parse(line)
    return `server: ${name} ${version}${cannotShow.length === 0 ? '' : `; could not show: ${cannotShow.join(', ')}`}`
  })
  return lines.length === 0 ? ['server: none was started'] : lines.sort()
}

/** The results of these files, and the exit code. What they wrote is added to what is kept. */
async function runFiles (files) {
  const lines = []
  const showFailures = createLogFilter(line => { console.log(line) })
  const code = await run(process.execPath, [join(root, 'scripts', 'run-tests.js'), ...files], line => {
    lines.push(line)
    showFailures(line)
  })
  const tap = lines.join('\n')
  appendFileSync(output, tap)
  return { ...readResults(tap), code }
}

/** The same; files that failed beside others run once more, one by one. `unsteady`: what failed and then passed. */
async function runSteadily (files) {
  const first = await runFiles(files)
  const again = new Set(first.failed.map(({ file }) => file))
  if (files.length === 1 || again.size === 0 || again.size > mostRunAgain) return { ...first, unsteady: [] }
  const isOver = ({ file }) => !again.has(file)
  const results = { passed: first.passed.filter(isOver), failed: [], skipped: first.skipped.filter(isOver), code: 0 }
  for (const file of again) {
    console.log(`\nonce more, by itself: ${file}`)
    const second = await runFiles([file])
    for (const kind of ['passed', 'failed', 'skipped']) results[kind].push(...second[kind])
    results.code ||= second.code
  }
  return { ...results, unsteady: first.failed.filter(({ file }) => !results.failed.some(one => one.file === file)) }
}

async function main (args) {
  if (await run(process.execPath, [join(root, 'scripts', 'build.js'), '--if-stale']) !== 0) return 1
  mkdirSync(folder, { recursive: true })
  rmSync(output, { force: true })
  rmSync(serversFile, { force: true })
  process.env.GATEPOST_TEST_SERVERS_FILE = serversFile
  const found = findTests(args.length === 0 ? undefined : args)
  const left = args.length > 0 || process.env.GATEPOST_TEST_FULL !== undefined ? [] : found.filter(file => long.test(file))
  const files = found.filter(file => !left.includes(file))
  const { passed, failed, skipped, unsteady, code } = await runSteadily(files)
  skipped.push(...left.map(file => ({ file, name: file, reason: 'time: `npm run test:full`, or its path' })))
  for (const { file, name } of unsteady) console.log(`unsteady: ${file}: ${name} (failed beside other files, passed by itself)`)
  for (const { file, name, reason } of failed) console.log(`failed: ${file}: ${name}${reason === '' ? '' : ` (${reason})`}`)
  if (skipped.length > 0) console.log('\nLeft out here, and what that needs:')
  for (const { file, name, reason } of skipped) console.log(`  ${name === file ? file : `${file}: ${name}`}${reason === '' ? '' : `: ${reason}`}`)
  console.log(`\n${serversSeen().join('\n')}`)
  // tap knows of more ways to fail than a test that did.
  const failures = Math.max(failed.length, code === 0 ? 0 : 1)
  writeFileSync(join(folder, 'summary.json'), JSON.stringify({ passed: passed.length, failed: failures, unsteady: unsteady.length, skipped: skipped.length }) + '\n')
  console.log(`\n${passed.length} passed, ${failures} failed, ${skipped.length} skipped`)
  return failures === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await main(process.argv.slice(2)))
