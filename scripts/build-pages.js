// What the TypeScript compiler leaves out of dist/: Gate's pages, and the web component as one file for script tags.
import { cpSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleClients } from './bundle-clients.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
cpSync(join(root, 'services', 'gate', 'pages'), join(root, 'dist', 'services', 'gate', 'pages'), { recursive: true })

await bundleClients()
