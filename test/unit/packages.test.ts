/** What package.json and the lock file must say: nothing is missing, nothing is older than its mend, nothing used in private may move. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  /** A workspace: `resolved` is its folder. */
  readonly link?: boolean
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const readJson = (name: string): unknown => JSON.parse(readFileSync(join(root, name), 'utf8'))
const { dependencies, overrides, engines } = readJson('package.json') as {
  dependencies: Record<string, string>
  overrides: Record<string, unknown>
  engines: { node: string }
}
const { packages } = readJson('package-lock.json') as { packages: Record<string, LockedPackage> }

/** Where Node looks for a package, from the folder of the one that asks for it outwards. */
function find (from: string, name: string): LockedPackage | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const found = packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]
    if (found !== undefined || folder === '') return found
  }
}

const versionsOf = (name: string): string[] => Object.entries(packages)
  .filter(([path]) => path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`))
  .map(([, { version = '' }]) => version)

function isAtLeast (version: string, floor: string): boolean {
  const parts = version.split('.').map(Number)
  for (const [i, least] of floor.split('.').map(Number).entries()) {
    if (parts[i] !== least) return (parts[i] ?? 0) > least
  }
  return true
}

t.test('lock file - names every package that one asks for, of other platforms too, and no address', async t => {
  let optional = 0
  for (const [path, locked] of Object.entries(packages)) {
    if (locked.link !== true) t.equal(locked.resolved, undefined, `${path} says where it is from`)
    for (const name of Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })) {
      if (locked.optionalDependencies?.[name] !== undefined) optional++
      if (find(path, name) === undefined) t.fail(`${path} asks for ${name}, which is not there`)
    }
  }
  t.ok(optional > 60, 'compiled parts for each platform are among them')
})

t.test('lock file - no version is older than the one that mended it', async t => {
  // Where `npm audit` gets no answer this is what is left of it: versions known to be needed, and why.
  const floors = {
    'engine.io': '6.6.13', // bodies of polling requests are bounded
    ws: '8.23.0' // fragments and headers are bounded
  }
  for (const [name, floor] of Object.entries(floors)) {
    const versions = versionsOf(name)
    t.not(versions.length, 0, name)
    for (const version of versions) t.ok(isAtLeast(version, floor), `${name} ${version} is ${floor} at least`)
  }
})

t.test('packages - whose private members or undocumented forms are used stay at one version', async t => {
  // What is used of each: test/unit/private-members.test.ts.
  const pinned = { 'consistent-hash': dependencies, 'engine.io': overrides, lmdb: dependencies, 'socket.io': dependencies, ws: dependencies }
  for (const [name, from] of Object.entries(pinned)) {
    t.match(from[name], /^\d+\.\d+\.\d+$/, `${name} is asked for exactly`)
    t.strictSame(versionsOf(name), [from[name]], `${name} is there once, as asked for`)
  }
  t.equal(overrides.ws, '$ws', 'engine.io gets the same ws')
})

t.test('packages - the client brings socket.io-client along and nothing else, and runs nothing when it is installed', async t => {
  const client = readJson('clients/package.json') as { name: string, dependencies: object, scripts: Record<string, string>, peerDependenciesMeta: Record<string, { optional: boolean }>, peerDependencies: object, exports: Record<string, string | Record<string, string>> }
  t.equal(client.name, '@gatepost/client')
  t.strictSame(Object.keys(client.dependencies), ['socket.io-client'])
  for (const name of Object.keys(client.peerDependencies)) t.equal(client.peerDependenciesMeta[name]?.optional, true, `${name} is not fetched for those who do not use it`)
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) t.equal(client.scripts[name], undefined, name)
  for (const path of Object.values(client.exports).flatMap(target => typeof target === 'string' ? [target] : Object.values(target))) {
    t.ok(existsSync(join(root, 'clients', path.replace(/\*.*$/, ''))), path)
  }
})

t.test('packages - the runtime is one that we test on', async t => {
  const major = Number(process.versions.node.split('.')[0])
  t.match(engines.node, `${major}`, `Node.js ${major} is among ${engines.node}`)
})
