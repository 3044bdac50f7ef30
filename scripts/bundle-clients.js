/** Bundles the clients with all they need into modules that a page without a build can load: clients/dist/bundle/. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Writes `gatepost-inbox.js` (the element) and `gatepost-client.js` (createInbox and createProducer), minified ES modules with
 * source maps, and returns their folder.
 */
export async function bundleClients (outDir = `${root}clients/dist/bundle`) {
  await build({
    absWorkingDir: root,
    entryPoints: [{ in: 'clients/gatepost-inbox.ts', out: 'gatepost-inbox' }, { in: 'clients/index.ts', out: 'gatepost-client' }],
    outdir: outDir,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2022'],
    minify: true,
    sourcemap: true,
    legalComments: 'linked',
    logLevel: 'warning'
  })
  return outDir
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleClients()
