// `npm run bench`: our hot paths beside their baselines (docs/performance.md). `npm run bench -- --help` lists the flags.
import { execFileSync, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
// What is measured is what is built.
execFileSync(process.execPath, [join(root, 'scripts', 'build.js'), '--if-stale'], { stdio: 'inherit' })
const child = spawn(process.execPath, ['--import=tsx', join(root, 'test', 'bench', 'main.ts'), ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { child.kill(signal) })
child.once('close', (code, signal) => { process.exitCode = code ?? (signal === null ? 0 : 1) })
