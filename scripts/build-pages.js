// What the TypeScript compiler leaves out of dist/: Gate's pages, and the clients as single files for script tags, which Gate serves too.
import { cpSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleClients } from './bundle-clients.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pages = join(root, 'dist', 'services', 'gate', 'pages')
rmSync(pages, { recursive: true, force: true })
cpSync(join(root, 'services', 'gate', 'pages'), pages, { recursive: true, filter: source => !/[\\/]pages[\\/]admin$/.test(source) })
await build({
  absWorkingDir: root,
  entryPoints: [{ in: 'services/gate/pages/admin/main.ts', out: 'admin' }],
  outdir: pages,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: ['es2022'],
  minify: true,
  legalComments: 'linked',
  logLevel: 'warning'
})

rmSync(join(root, 'dist', 'clients'), { recursive: true, force: true })
cpSync(await bundleClients(), join(root, 'dist', 'clients', 'bundle'), { recursive: true })
