/** The pages: files read once at the start, served with a policy under which nothing but our own files can run. */
import { existsSync, readdirSync } from 'node:fs'
import type { App } from '../../shared/platform/http/create-app.js'
import { serveClients } from './client-files.js'
import { readServed, sendServed } from './served-file.js'

/** Beside the sources, and seen from the server's bundle. */
const pageFolder = ['./pages/', '../services/gate/pages/'].map(path => new URL(path, import.meta.url)).find(folder => existsSync(folder)) ?? new URL('./pages/', import.meta.url)
/** The page's own bundle lies beside the pages where they are built; seen from their sources it is over there. */
const bundleFolder = [pageFolder, new URL('../../dist/services/gate/pages/', import.meta.url)].find(folder => existsSync(new URL('admin.js', folder))) ?? pageFolder

const policy = (directives: Record<string, string>): string =>
  Object.entries({ 'default-src': "'none'", 'script-src': "'self'", 'style-src': "'self'", 'img-src': "'self' data:", 'connect-src': "'self'", 'base-uri': "'none'", 'form-action': "'none'", 'frame-ancestors': "'none'", ...directives })
    .map(([name, value]) => `${name} ${value}`).join('; ')

const adminPolicy = policy({})
/** The demo's inbox talks to nodes, which may be anywhere. */
const nodesToo = { 'connect-src': "'self' http: https: ws: wss:", 'require-trusted-types-for': "'script'" }
const demoPolicy = policy({ ...nodesToo, 'frame-src': "'self'" })
/** A phone of the demo is a frame of its page, and of no other. */
const phonePolicy = policy({ ...nodesToo, 'frame-ancestors': "'self'" })

interface Page { readonly path: string, readonly file: URL, readonly csp?: string }

export async function servePages (app: App, { isDemo }: { isDemo: boolean }): Promise<void> {
  const page = (path: string, name: string, csp?: string): Page => ({ path, file: new URL(name, pageFolder), ...csp !== undefined && { csp } })
  const pages = [
    page('/gate/admin', 'admin.html', adminPolicy),
    page('/gate/pages/admin.css', 'admin.css'),
    { path: '/gate/pages/admin.js', file: new URL('admin.js', bundleFolder) }
  ]
  if (isDemo) {
    const parts = readdirSync(new URL('demo/', pageFolder)).filter(name => !name.endsWith('.html'))
    pages.push(
      page('/gate/demo', 'demo/demo.html', demoPolicy),
      page('/gate/demo/phone', 'demo/phone.html', phonePolicy),
      ...parts.map(name => page(`/gate/pages/demo/${name}`, `demo/${name}`))
    )
    app.get('/', { schema: { hide: true } }, async (_request, reply) => await reply.redirect('gate/demo'))
  }
  await serveClients(app)
  await Promise.all(pages.map(async page => { await servePage(app, page) }))
}

async function servePage (app: App, { path, file, csp }: Page): Promise<void> {
  const served = await readServed(file)
  const headers = {
    // Asked for again each time, sent again only when it changed.
    'cache-control': 'no-cache',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'cross-origin',
    ...csp !== undefined && { 'content-security-policy': csp, 'x-frame-options': csp === phonePolicy ? 'SAMEORIGIN' : 'DENY' }
  }
  app.get(path, { schema: { hide: true } }, async (request, reply) => await sendServed(request, reply.headers(headers), served))
}
