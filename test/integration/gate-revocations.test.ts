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

t.test('gate revocations - a Gate starts without nodes, and with one that has not read who is revoked: it says what is missing until one has', async t => {
  const site = createMemorySite(t)
  const early = await site.addGate('early')
  const shop = site.token('producer', 'shop')
  t.equal((await call(early, 'GET', '/readyz')).status, 200, 'without a node there is nothing to be let in to')
  t.match(await call(early, 'POST', '/gate/messages', { token: shop, body: { to: { user: 'ann' }, title: 'x' } }), { status: 503, body: { code: 'GP_NO_NODE' } })
  t.match(await call(early, 'GET', '/gate/revocations', { token: site.token('admin', 'root') }), { status: 503, body: { code: 'GP_NO_NODE' } }, 'an empty list would be a guess')
  let hasRead = false
  site.addNode('a', { hasRead: () => hasRead })
  await until('it hears of the node', async () => (await call(early, 'GET', '/readyz')).status === 503)
  t.match((await call(early, 'GET', '/readyz')).body.checks.revocations, /no node has read/)
  t.match(await call(early, 'GET', '/gate/users/x/presence', { token: shop }), { status: 503, body: { code: 'GP_DISPATCH_UNAVAILABLE' } })
  hasRead = true
  await until('one has read it', async () => (await call(early, 'GET', '/readyz')).status === 200)
  t.equal((await call(early, 'GET', '/gate/users/x/presence', { token: shop })).status, 200)
})
