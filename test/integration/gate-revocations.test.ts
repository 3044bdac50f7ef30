/** How Gates follow the list of revocations that nodes keep. */
import t from 'tap'
import { call, createMemorySite } from '../helpers/memory-nodes.js'
import { until } from '../helpers/until.js'

t.test('gate revocations - every Gate follows, also one that starts later; none lets anybody in before it knows', async t => {
  const site = createMemorySite(t)
  site.addNode('a')
  site.addNode('b')
  const first = await site.addGate('gate 1')
  const second = await site.addGate('gate 2')
  const token = site.token('admin', 'root')
  const shop = site.token('producer', 'shop')
  t.equal((await call(first, 'PUT', '/gate/revocations/producer/shop', { token })).status, 200)
  t.equal((await call(first, 'GET', '/gate/users/x/presence', { token: shop })).status, 401, 'at once where it was asked')
  await until('the other one knows', async () => (await call(second, 'GET', '/gate/users/x/presence', { token: shop })).status === 401, 2_000)
  const third = await site.addGate('gate 3')
  t.match(await call(third, 'GET', '/gate/users/x/presence', { token: shop }), { status: 401, body: { code: 'GP_TOKEN_REVOKED' } })
  t.same((await call(third, 'GET', '/gate/revocations', { token })).body.revocations.map(({ name }: { name: string }) => name), ['shop'])
  t.equal((await call(second, 'DELETE', '/gate/revocations/producer/shop', { token })).status, 204)
  await until('all know that it is lifted', async () => (await Promise.all([first, second, third].map(async gate => (await call(gate, 'GET', '/gate/users/x/presence', { token: shop })).status))).every(status => status === 200))
})

t.test('gate revocations - nodes of version 0.1 know none: Gate serves, and cannot revoke', async t => {
  const site = createMemorySite(t)
  site.addNode('old', { isOld: true })
  const gate = await site.addGate('gate')
  const token = site.token('admin', 'root')
  t.equal((await call(gate, 'GET', '/gate/users/x/presence', { token })).status, 200)
  t.match(await call(gate, 'PUT', '/gate/revocations/user/ann', { token }), { status: 503, body: { code: 'GP_NO_NODE' } })
})
