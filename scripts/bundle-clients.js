/** Bundles the web component with all it needs into one module that a page can load: dist/clients/bundle/. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Writes `gatepost-inbox.js` (the element; minified ES module with a source map) and returns its path. */
export async function bundleClients (outDir = `${root}dist/clients/bundle`) {
  await build({
    absWorkingDir: root,
    entryPoints: ['clients/gatepost-inbox.ts'],
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
  return `${outDir}/gatepost-inbox.js`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleClients()
