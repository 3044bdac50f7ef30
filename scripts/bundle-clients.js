/** Bundles the clients with all they need into modules that a page without a build can load: clients/dist/bundle/. */
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A page without a build has none of socket.io-client but what it needs (clients/wire/wire.ts). */
const browserWire = {
  name: 'browser-wire',
  setup (build) {
    build.onResolve({ filter: /\/library-wire\.js$/ }, () => ({ path: `${root}clients/wire/browser-wire.ts` }))
  }
}

/**
 * Writes `gatepost-inbox.js` (the element; its panel and each language are files beside it that a page loads when it needs them) and
 * `gatepost-client.js` (createInbox and createProducer), minified ES modules with source maps, and returns their folder.
 */
export async function bundleClients (outDir = `${root}clients/dist/bundle`) {
  // Parts of an earlier build have other names.
  await rm(outDir, { recursive: true, force: true })
  const options = {
    absWorkingDir: root,
    outdir: outDir,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2022'],
    minify: true,
    sourcemap: true,
    legalComments: 'linked',
    logLevel: 'warning',
    plugins: [browserWire]
  }
  await build({ ...options, entryPoints: [{ in: 'clients/index.ts', out: 'gatepost-client' }] })
  await build({ ...options, entryPoints: [{ in: 'clients/gatepost-inbox.ts', out: 'gatepost-inbox' }], splitting: true, chunkNames: 'gatepost-[name]-[hash]' })
  return outDir
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleClients()
