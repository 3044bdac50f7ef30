/** Bundles the clients with all they need into modules that a page without a build can load: clients/dist/bundle/. */
import { readFile, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build, transform } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A page without a build has none of socket.io-client but what it needs (clients/wire/wire.ts). */
const browserWire = {
  name: 'browser-wire',
  setup (build) {
    build.onResolve({ filter: /\/library-wire\.js$/ }, () => ({ path: `${root}clients/wire/browser-wire.ts` }))
  }
}

/** The modules of clients/element/style that export nothing but sheets: a bundle has these without their spaces. */
const minifiedSheets = {
  name: 'minified-sheets',
  setup (build) {
    build.onLoad({ filter: /\/element\/style\/(list|panel|party|reading|theme)\.ts$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'ts' })
      const sheets = Object.entries(await import(`data:text/javascript,${encodeURIComponent(code)}`))
      const minified = async css => (await transform(css, { loader: 'css', minify: true })).code.replace(/(--[\w-]+[:,]) /g, '$1')
      const lines = await Promise.all(sheets.map(async ([name, css]) => `export const ${name} = ${JSON.stringify(await minified(css))}`))
      return { contents: lines.join('\n') }
    })
  }
}

/** What the bell and its panel share would be a third file, and three files compress worse than two: the panel reaches all that the bell has. */
const oneFileOfTheBell = {
  name: 'one-file-of-the-bell',
  setup (build) {
    build.onLoad({ filter: /\/element\/view\/inbox-view\.ts$/ }, async ({ path }) => ({ contents: `import '../../gatepost-inbox.js'\n${await readFile(path, 'utf8')}`, loader: 'ts' }))
  }
}

/**
 * Writes `gatepost-inbox.js` (the element; its panel and each language are files beside it that a page loads when it needs them) and
 * `gatepost-client.js` (createInbox and createProducer), minified ES modules with source maps beside them, and returns their folder.
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
    charset: 'utf8',
    // Gate names them in a header: in the files that would be bytes of every page.
    sourcemap: 'external',
    legalComments: 'linked',
    logLevel: 'warning',
    plugins: [browserWire, minifiedSheets, oneFileOfTheBell]
  }
  await build({ ...options, entryPoints: [{ in: 'clients/index.ts', out: 'gatepost-client' }] })
  await build({ ...options, entryPoints: [{ in: 'clients/gatepost-inbox.ts', out: 'gatepost-inbox' }], splitting: true, chunkNames: 'gatepost-[name]-[hash]' })
  return outDir
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleClients()
