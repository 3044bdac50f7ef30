// What the TypeScript compiler leaves out of dist/: Gate's pages, and the clients as single files for script tags, which Gate serves too.
import { cpSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleClients } from './bundle-clients.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
cpSync(join(root, 'services', 'gate', 'pages'), join(root, 'dist', 'services', 'gate', 'pages'), { recursive: true })

rmSync(join(root, 'dist', 'clients'), { recursive: true, force: true })
cpSync(await bundleClients(), join(root, 'dist', 'clients', 'bundle'), { recursive: true })
