import t from 'tap'
import { startDeployment } from '../helpers/deployment.js'
import { assign, request } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const site = await startDeployment(t)
const root = site.adminToken('root')
const shop = site.producerToken('shop')
const lines = (): Array<Record<string, unknown>> => site.log().split('\n').filter(line => line.includes('"event":"audit"')).map(line => JSON.parse(line) as Record<string, unknown>)
const written = async (entry: object): Promise<void> => {
  await until(JSON.stringify(entry), () => lines().some(line => Object.entries(entry).every(([key, value]) => line[key] === value)))
}

t.test('audit - who did what to whom, and how it ended', async t => {
  const { node } = await assign(site, 'ann')
  await request(site.gate, 'PUT', '/gate/groups/staff/members/ann', { token: shop })
  await written({ actor: 'shop', scope: 'producer', action: 'group.join', target: 'staff: ann', result: 'done' })
  await request(site.gate, 'DELETE', '/gate/groups/staff/members/ann', { token: root })
  await written({ actor: 'root', scope: 'admin', action: 'group.leave', target: 'staff: ann', result: 'done' })
  await request(site.gate, 'POST', '/gate/users/ann/disconnect', { token: shop })
  await written({ actor: 'shop', action: 'user.disconnect', target: 'ann', result: 'done' })
  await request(site.gate, 'PUT', '/gate/revocations/user/eve', { token: root })
  await written({ actor: 'root', action: 'revocation.set', target: 'user eve', result: 'done' })
  await request(site.gate, 'PUT', '/gate/revocations/user/eve', { token: root, body: { before: 'x' } })
  await written({ actor: 'root', action: 'revocation.set', target: 'user eve', result: 'status 400' })
  await request(site.gate, 'DELETE', '/gate/revocations/user/eve', { token: root })
  await written({ actor: 'root', action: 'revocation.lift', target: 'user eve', result: 'done' })
  await request(site.gate, 'POST', `/gate/nodes/${node.id}/drain`, { token: root })
  await written({ actor: 'root', action: 'node.drain', target: node.id, result: 'done' })
  await request(site.gate, 'DELETE', `/gate/nodes/${node.id}/drain`, { token: root })
  await written({ actor: 'root', action: 'node.undrain', target: node.id, result: 'done' })
})

t.test('audit - a token that makes its user a member', async () => {
  const session = await assign(site, 'kim', { token: site.userToken('kim', { groups: ['crew'] }) })
  await session.get('/messages')
  await written({ actor: 'kim', scope: 'user', action: 'group.join', target: 'crew: kim', result: 'done' })
})

t.test('audit - refused tokens and tickets, and no token in any line', async t => {
  const wrong = `${root.slice(0, -4)}AAAA`
  await request(site.gate, 'GET', '/gate/nodes', { token: wrong })
  await written({ action: 'token.use', target: 'GET /gate/nodes', result: 'GP_TOKEN_INVALID' })
  await request(site.gate, 'GET', '/gate/nodes', { token: shop })
  await written({ actor: 'shop', scope: 'producer', action: 'token.use', target: 'GET /gate/nodes', result: 'GP_SCOPE' })
  const session = await assign(site, 'ann')
  await request(session.node.url, 'GET', '/messages', { token: `${session.ticket.slice(0, -4)}AAAA` })
  await written({ action: 'ticket.use', target: session.node.id, result: 'GP_TOKEN_INVALID' })
  for (const secret of [wrong, root, shop, session.ticket, site.secret]) t.notOk(site.log().includes(secret))
})
