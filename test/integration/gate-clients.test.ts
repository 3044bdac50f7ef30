/** The clients as Gate serves them to pages without a build. */
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import t from 'tap'
import { startEmbedded } from '../helpers/deployment.js'

/** Each is loaded in a page of its language only. */
const isOfLanguage = (url: string): boolean => /gatepost-[a-z]{2}-\w+\.js$/.test(url)

interface Answer { readonly status: number, readonly headers: IncomingHttpHeaders, readonly body: Buffer }

/** As it comes over the wire: fetch would follow and unpack it. */
const get = async (url: string, headers: Record<string, string> = {}): Promise<Answer> => await new Promise((resolve, reject) => {
  request(url, { headers }, response => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => { parts.push(part) })
    response.on('end', () => { resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }) })
  }).on('error', reject).end()
})

t.test('clients - a name leads to a version that never changes, compressed, with all its parts', async t => {
  const { gate } = await startEmbedded(t)
  const first = await get(`${gate}/gate/clients/gatepost-inbox.js`)
  t.equal(first.status, 302)
  t.match(first.headers['cache-control'], /max-age=\d+$/)
  const file = new URL(String(first.headers.location), `${gate}/gate/clients/`).href
  t.match(file, /\/gate\/clients\/[\w-]{12}\/gatepost-inbox\.js$/)

  const plain = await get(file)
  t.match(plain, { status: 200, headers: { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'public, max-age=31536000, immutable', 'cross-origin-resource-policy': 'cross-origin' } })
  t.equal(plain.headers['content-encoding'], undefined)
  const [gzipped, brotli, refused] = await Promise.all(['gzip', 'gzip, deflate, br, zstd', 'br;q=0, gzip;q=0'].map(async accepted => await get(file, { 'accept-encoding': accepted }))) as [Answer, Answer, Answer]
  t.equal(gzipped.headers['content-encoding'], 'gzip')
  t.ok(gunzipSync(gzipped.body).equals(plain.body))
  t.equal(plain.headers.sourcemap, 'gatepost-inbox.js.map')
  t.equal(brotli.headers['content-encoding'], 'br')
  t.equal(brotli.headers.vary?.toLowerCase().includes('accept-encoding'), true)
  t.ok(brotliDecompressSync(brotli.body).equals(plain.body))
  t.ok(refused.body.equals(plain.body))
  t.equal((await get(file, { 'if-none-match': String(plain.headers.etag) })).status, 304)

  // Import by import, as a browser loads it.
  const seen = new Map<string, Buffer>()
  const later = new Set<string>()
  const load = async (url: string): Promise<void> => {
    if (seen.has(url)) return
    const { status, body } = await get(url)
    t.equal(status, 200, url)
    seen.set(url, body)
    const text = body.toString()
    for (const [, name = ''] of text.matchAll(/import\("(\.\/[^"]+)"\)/g)) later.add(new URL(name, url).href)
    for (const [, name = ''] of text.matchAll(/(?:from|import)"(\.\/[^"]+)"/g)) await load(new URL(name, url).href)
  }
  await load(file)
  const gzippedBytes = (): number => [...seen].reduce((sum, [url, body]) => isOfLanguage(url) ? sum : sum + gzipSync(body, { level: 9 }).length, 0)
  const bell = gzippedBytes()
  t.equal(later.size, 6, 'the panel, and five languages')
  for (const url of later) await load(url)
  const all = gzippedBytes()
  t.comment(`gzipped: bell and client ${bell} bytes, with the panel ${all}`)
  t.ok(bell < 31_000 && bell < all, `${bell} bytes`)
  t.ok(all < 45_000, `${all} bytes`)
})

t.test('clients - another build\'s version gets what is here, and keeps it under no name', async t => {
  const { gate } = await startEmbedded(t)
  t.match(await get(`${gate}/gate/clients/AnotherBuild/gatepost-inbox.js`), { status: 200, headers: { 'cache-control': 'no-cache' } })
  for (const name of ['nothing.js', '..%2f..%2fpackage.json', 'AnotherBuild/nothing.js']) {
    const { status, body } = await get(`${gate}/gate/clients/${name}`)
    t.equal(status, 404, name)
    t.equal((JSON.parse(body.toString()) as { code: string }).code, 'GP_NOT_FOUND')
  }
})
