// `npm run test:full`: `npm test` in its long form, and before it what a machine can have that has Java, Maven, Python and Go. What cannot be had
// is left out, by name.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const scripts = dirname(fileURLToPath(import.meta.url))
const has = program => spawnSync('sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore' }).status === 0
const providers = [
  { name: 'Keycloak', needs: ['java', 'mvn'], script: 'install-keycloak.sh' },
  { name: 'Spring Authorization Server', needs: ['javac', 'mvn'], script: 'install-spring-authorization-server.sh' },
  { name: 'Dex', needs: ['go'], script: 'install-dex.sh' }
]
for (const { name, needs, script } of providers) {
  if (!needs.every(has)) continue
  if (spawnSync('sh', [join(scripts, script)], { stdio: 'inherit' }).status !== 0) console.log(`${name} could not be fetched; its tests are left out`)
}
if (spawnSync('sh', [join(scripts, 'install-device-clients.sh')], { stdio: 'inherit' }).status !== 0) console.log('A Socket.IO client of another language could not be fetched; its test is left out')
process.exitCode = spawnSync(process.execPath, [join(scripts, 'test.js'), ...process.argv.slice(2)], { stdio: 'inherit', env: { ...process.env, GATEPOST_TEST_FULL: '1' } }).status ?? 1
