/**
 * The clients for pages without a build. `/gate/clients/NAME` leads to `/gate/clients/VERSION/NAME`, which never changes and is kept by
 * browsers for a year; the version is a hash of all files, so that a part that a file loads from beside it is of the same build.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { App } from '../../shared/platform/http/create-app.js'
import { GatepostError } from '../../shared/contract/errors.js'
import { readServed, sendServed, type ServedFile } from './served-file.js'

/** Beside the compiled services, and seen from their sources or the server's bundle. */
const folders = [new URL('../../clients/bundle/', import.meta.url), new URL('../../dist/clients/bundle/', import.meta.url)]
const versionLength = 12

export async function serveClients (app: App): Promise<void> {
  const folder = folders.find(folder => existsSync(fileURLToPath(folder)))
  const names = folder === undefined ? [] : readdirSync(fileURLToPath(folder)).sort()
  const files = new Map<string, ServedFile>(await Promise.all(names.map(async name => [name, await readServed(new URL(name, folder))] as const)))
  const version = createHash('sha256').update([...files].map(([name, { etag }]) => `${name} ${etag}`).join('\n')).digest('base64url').slice(0, versionLength)
  // Sites load the clients from here, also pages that are isolated from other origins.
  const open = { 'cross-origin-resource-policy': 'cross-origin', 'referrer-policy': 'no-referrer' }

  app.get('/gate/clients/:name', { schema: { hide: true } }, async (request, reply) => {
    const { name } = request.params as { name: string }
    if (!files.has(name)) throw new GatepostError('GP_NOT_FOUND', `there is no client ${name}`)
    return await reply.headers({ ...open, 'cache-control': 'public, max-age=300' }).redirect(`${version}/${name}`)
  })
  app.get('/gate/clients/:version/:name', { schema: { hide: true } }, async (request, reply) => {
    const { name, version: asked } = request.params as { name: string, version: string }
    const file = files.get(name)
    if (file === undefined) throw new GatepostError('GP_NOT_FOUND', `there is no client ${name}`)
    // Another Gate, of another build, named its own version: what is here does as well, and is not kept under that name.
    if (files.has(`${name}.map`)) void reply.header('sourcemap', `${name}.map`)
    return await sendServed(request, reply.headers({ ...open, 'cache-control': asked === version ? 'public, max-age=31536000, immutable' : 'no-cache' }), file)
  })
}
