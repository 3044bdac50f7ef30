// What the TypeScript compiler leaves out of dist/: Gate's pages, and the web component as one file for script tags.
import { build } from 'esbuild'
import { cpSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
cpSync(join(root, 'services', 'gate', 'pages'), join(root, 'dist', 'services', 'gate', 'pages'), { recursive: true })

const element = join(root, 'clients', 'gatepost-inbox.ts')
if (existsSync(element)) {
  await build({
    entryPoints: [element],
    outdir: join(root, 'dist', 'clients', 'bundle'),
    bundle: true,
    minify: true,
    sourcemap: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'warning'
  })
}
