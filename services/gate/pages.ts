/** The pages: files read once at the start, served with a policy under which nothing but our own files can run. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { App } from '../../shared/platform/http/create-app.js'

const pageFolder = new URL('./pages/', import.meta.url)
/** Beside the compiled services, and seen from their sources. */
const bundleFolders = [new URL('../../clients/bundle/', import.meta.url), new URL('../../dist/clients/bundle/', import.meta.url)]

const contentTypes = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  map: 'application/json'
}

const policy = (directives: Record<string, string>): string =>
  Object.entries({ 'default-src': "'none'", 'script-src': "'self'", 'style-src': "'self'", 'img-src': "'self' data:", 'connect-src': "'self'", 'base-uri': "'none'", 'form-action': "'none'", 'frame-ancestors': "'none'", ...directives })
    .map(([name, value]) => `${name} ${value}`).join('; ')

const adminPolicy = policy({})
/** The demo's inbox talks to nodes, which may be anywhere. */
const demoPolicy = policy({ 'connect-src': "'self' http: https: ws: wss:" })

interface Page { readonly path: string, readonly file: URL, readonly csp?: string }

export async function servePages (app: App, { isDemo }: { isDemo: boolean }): Promise<void> {
  const page = (path: string, name: string, csp?: string): Page => ({ path, file: new URL(name, pageFolder), ...csp !== undefined && { csp } })
  const pages = [
    page('/gate/admin', 'admin.html', adminPolicy),
    page('/gate/pages/admin.js', 'admin.js'),
    page('/gate/pages/pages.css', 'pages.css')
  ]
  for (const name of ['gatepost-inbox', 'gatepost-client'].flatMap(stem => [`${stem}.js`, `${stem}.js.map`])) {
    const file = bundleFolders.map(folder => new URL(name, folder)).find(file => existsSync(fileURLToPath(file)))
    if (file !== undefined) pages.push({ path: `/gate/clients/${name}`, file })
  }
  if (isDemo) {
    pages.push(page('/gate/demo', 'demo.html', demoPolicy), page('/gate/pages/demo.js', 'demo.js'))
    app.get('/', { schema: { hide: true } }, async (_request, reply) => await reply.redirect('gate/demo'))
  }
  await Promise.all(pages.map(async page => { await servePage(app, page) }))
}

async function servePage (app: App, { path, file, csp }: Page): Promise<void> {
  const content = await readFile(file)
  const etag = `"${createHash('sha1').update(content).digest('base64url')}"`
  const ending = file.pathname.slice(file.pathname.lastIndexOf('.') + 1) as keyof typeof contentTypes
  const headers = {
    'content-type': contentTypes[ending],
    // Asked for again each time, sent again only when it changed.
    'cache-control': 'no-cache',
    etag,
    'referrer-policy': 'no-referrer',
    // Sites load the client's script from here, also pages that are isolated from other origins.
    'cross-origin-resource-policy': 'cross-origin',
    ...csp !== undefined && { 'content-security-policy': csp, 'x-frame-options': 'DENY' }
  }
  app.get(path, { schema: { hide: true } }, async (request, reply) => {
    void reply.headers(headers)
    if (request.headers['if-none-match'] === etag) return await reply.code(304).send()
    return await reply.send(content)
  })
}
