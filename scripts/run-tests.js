// `node scripts/run-tests.js FILE...`: runs test files, three at a time since many wait most of their time, and writes their TAP. scripts/test.js starts it.
import t from 'tap'
import { compileTests } from './compile-tests.js'

/** A file that takes longer hangs, also on a slow machine that does other things too. */
const timeoutSeconds = 600

const compiled = await compileTests(process.argv.slice(2))
t.setTimeout(0)
t.jobs = 3
for (const [file, path] of compiled) {
  t.spawn(process.execPath, ['--enable-source-maps', path], {
    buffered: true,
    timeout: timeoutSeconds * 1000,
    env: { ...process.env, TAP_TIMEOUT: String(timeoutSeconds) }
  }, file)
}
