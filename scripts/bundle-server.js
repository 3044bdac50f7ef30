/**
 * Bundles the server with the packages that it runs on into dist/gatepost/, in place of some 1,500 files that would be looked up, read and
 * compiled one by one at each start. What a process does not use (a database's driver, a command) is a file that it does not load.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const outdir = join(root, 'dist', 'gatepost')
/** Compiled code, and files that are read beside the package's own; stay packages. lmdb loads msgpackr anyhow. */
const external = ['lmdb', 'msgpackr', '@fastify/swagger', '@fastify/swagger-ui']

/** The notices that packages ask to be passed on with their code. */
function licencesOf (inputs) {
  const folders = new Set(inputs.flatMap(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []))
  return [...folders].sort().map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    const texts = readdirSync(join(root, folder)).filter(file => /^(?:licen[cs]e|notice|copying)/i.test(file)).map(file => readFileSync(join(root, folder, file), 'utf8').trim())
    return [`${name} ${version} (${license})`, ...texts].join('\n\n')
  }).join(`\n\n${'-'.repeat(80)}\n\n`)
}

rmSync(outdir, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  // The second one is started by the first (services/cli/processes/supervisor.ts), which looks for it beside itself.
  entryPoints: { main: 'services/cli/main.ts', worker: 'services/cli/processes/worker.ts' },
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external,
  // Names and lines stay as they are, for stack traces.
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  // Packages in CommonJS ask for Node's own modules by it.
  banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
  logLevel: 'warning'
})
writeFileSync(join(outdir, 'LICENSES.txt'), `${licencesOf(Object.keys(metafile.inputs))}\n`)
