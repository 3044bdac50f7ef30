// `npm run test:fast`: what gives most of the safety in the least time: every unit, both in-process adapters under their
// contract suites, and the way of a message from a post to a client's cursor. `npm test` is the rest: real servers, crowds, outages, browsers.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findTests } from './test.js'

const scripts = dirname(fileURLToPath(import.meta.url))

const fast = [
  /^test\/unit\//,
  /^test\/contract\/(store\/(lmdb|memory)|bus\/in-process)\.test\.ts$/,
  /^test\/integration\/(dispatch\/in-process|node\/|clients-)/,
  /^test\/conformance\/(send|list|read-state|recall|groups|socket-events)\.test\.ts$/
]
/** All interleavings, real waits of an identity provider, servers that fail a client, outages of several nodes, documents, the files of deploy/: in `npm test`. */
const slow = /\/(model|identity-jwks|deploy-.*|clients-docs|clients-faults|clients-gatepost|leave-and-join|unnoticed)\.test\.ts$/

const files = findTests().filter(file => fast.some(one => one.test(file)) && !slow.test(file))

process.exitCode = spawnSync(process.execPath, [join(scripts, 'test.js'), ...files], { stdio: 'inherit' }).status ?? 1
