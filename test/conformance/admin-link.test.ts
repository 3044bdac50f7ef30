/** The link of `gatepost admin-link`: it signs in once, over all Gates and restarts. */
import t from 'tap'
import { startDeployment, tempDir } from '../helpers/deployment.js'
import { request, type Answer } from '../helpers/raw-client.js'
import { runCommand } from '../helpers/run-command.js'
import { claimsOf } from '../helpers/tokens.js'

t.setTimeout(300_000)
const site = await startDeployment(t)
const elsewhere = await tempDir(t)

async function linkOf (sub: string, settings = {}): Promise<string> {
  const { out } = await runCommand(['admin-link', '--gate', site.gate, '--sub', sub], { cwd: elsewhere, settings: { GATEPOST_SECRET: site.secret, ...settings } })
  return new URL(out.trim()).hash.replace('#link=', '')
}
const open = async (link: unknown, gate = site.gate): Promise<Answer> => await request(gate, 'POST', '/gate/admin/sign-in', { body: { link } })
const used = { status: 401, body: { code: 'GP_TOKEN_EXPIRED', message: 'link: was used before, and signs in once; takes a new one: gatepost admin-link' } }

t.test('admin link - of many who open it at once, at any Gate, one is signed in', async t => {
  const link = await linkOf('ops')
  const answers = await Promise.all(Array.from({ length: 20 }, async (_, at) => await open(link, site.gates[at % site.gates.length])))
  const [first, ...more] = answers.filter(({ status }) => status === 200)
  t.equal(more.length, 0)
  for (const answer of answers) if (answer !== first) t.match(answer, used)
  const { token, user, expiresAt } = first?.body as { token: string, user: string, expiresAt: string }
  t.equal(user, 'ops')
  t.match(claimsOf(token), { sub: 'ops', scope: 'admin', exp: Date.parse(expiresAt) / 1000 })
  t.ok(Math.abs(Date.parse(expiresAt) - Date.now() - 3_600_000) < 60_000, 'for an hour')
  t.equal((await request(site.gate, 'GET', '/gate/nodes', { token })).status, 200)

  const unused = await linkOf('later')
  await site.kill()
  await site.start()
  t.match(await open(link), used, 'after a restart, too')
  t.equal((await open(unused)).status, 200, 'one that was not used is still good')
})

t.test('admin link - is no token, and no other secret makes one', async t => {
  const link = await linkOf('ops')
  for (const [method, path] of [['GET', '/gate/nodes'], ['GET', '/gate/assign'], ['POST', '/gate/messages']] as const) {
    t.match(await request(site.gate, method, path, { token: link, ...method === 'POST' && { body: { to: { all: true }, title: 'x' } } }), { status: 401, body: { code: 'GP_TOKEN_INVALID' } }, path)
  }
  for (const wrong of [await linkOf('ops', { GATEPOST_SECRET: 'another secret for tests, 0123456789' }), site.adminToken('ops'), `${link}x`, 'x', '']) {
    t.match(await open(wrong), { status: 401, body: { code: 'GP_TOKEN_INVALID', message: /^link: / } })
  }
  for (const wrong of [7, null]) t.match(await open(wrong), { status: 400, body: { code: 'GP_VALIDATION' } })
  t.equal((await open(link)).status, 200, 'what was tried with it has not used it')
})

t.test('admin link - of an admin who was revoked meanwhile signs nobody in', async t => {
  const link = await linkOf('gone')
  t.equal((await request(site.gate, 'PUT', '/gate/revocations/admin/gone', { token: site.adminToken('root'), body: { before: new Date(Date.now() + 1_000).toISOString() } })).status, 200)
  t.match(await open(link), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } })
})
