import { spawn } from 'node:child_process'
import t from 'tap'
import { openTestLmdb, tempDir } from '../../helpers/lmdb-store.js'
import { typescriptArgs } from '../../helpers/typescript-process.js'

const child = new URL('../../helpers/lmdb-full-child.ts', import.meta.url)

t.test('full disk - writes are refused, reads go on, and what was acknowledged is there', { skip: process.platform === 'win32' }, async t => {
  const dir = tempDir(t)
  const limited = spawn('sh', ['-c', 'ulimit -f 8192; exec "$@"', 'sh', process.execPath, ...typescriptArgs(child), dir], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => { limited.kill('SIGKILL') })
  let out = ''
  limited.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  const code = await new Promise(resolve => { limited.on('close', resolve) })
  t.equal(code, 0, 'a failed write does not end the process')
  const [filled, replaced, closed] = out.trim().split('\n').map(line => JSON.parse(line) as { stored: number, there: number })
  t.match(filled, { stops: ['refused'], status: { reachable: false } })
  t.equal(filled?.there, filled?.stored)
  t.ok((filled?.stored ?? 0) > 10)
  t.same(replaced, { replaced: ['refused'], now: 0 })
  t.same(closed, 'closed')
  const store = await openTestLmdb(t, { dir })
  const docs = await store.range('state', { from: 'k', to: 'l' }, { limit: 5000 })
  t.equal(docs.length, filled?.stored)
  t.ok(docs.every(doc => doc.text.length === 20_000))
  t.same(await store.replace('state', [{ was: 0, doc: { key: 'k0', v: 1, purgeAt: null, text: 'room again' } }]), ['done'])
})
