/** The libraries against a running Gatepost: what a message carries, and choosing an action of it. */
import t from 'tap'
import { createProducer, type MessageEntry } from '../../clients/index.js'
import { startEmbedded } from '../helpers/deployment.js'
import { probeInbox } from '../helpers/inbox-probe.js'
import { until } from '../helpers/until.js'

const timing = { readyTimeoutMs: 5_000, requestTimeoutMs: 3_000, patienceMs: 10_000, retryBaseMs: 50 }
const actions = [{ id: 'yes/please', label: 'Yes' }, { id: 'no', label: 'No', url: '/no' }]

t.test('gatepost - links, actions and senders, by mail and by a producer; an action is chosen on one device and known on all', async t => {
  const deployment = await startEmbedded(t)
  const open = (user: string, options = {}) => probeInbox(t, { gate: deployment.gate, token: deployment.userToken(user, { name: `The ${user}`, picture: `/${user}.png` }), timing, ...options })
  const [ann, phone, bob] = [open('ann'), open('ann'), open('bob')]
  await Promise.all([ann, phone, bob].map(async ({ inbox }) => { await inbox.whenLive() }))
  const producer = createProducer({ gate: deployment.gate, token: deployment.producerToken('shop') })
  t.teardown(async () => { await producer.close() })

  const byBob = await bob.inbox.send({ to: { user: 'ann' }, title: 'Dinner?', url: 'https://example.com/menu', actions })
  const byShop = await producer.send({ to: { user: 'ann' }, title: 'Invoice', actions, sender: { name: 'The shop' } })
  const found = ({ entries }: typeof ann, id: string): MessageEntry | undefined => entries.find((entry): entry is MessageEntry => entry.type === 'message' && entry.id === id)
  for (const device of [ann, phone]) {
    await until('both are there', () => found(device, byBob.id) !== undefined && found(device, byShop.id) !== undefined)
    t.match(found(device, byBob.id), { from: { user: 'bob', name: 'The bob', picture: '/bob.png' }, url: 'https://example.com/menu', actions, acted: null })
    t.match(found(device, byShop.id), { from: { producer: 'shop', name: 'The shop', picture: null }, url: null, actions, acted: null })
  }

  const away = phone.cursors()
  await phone.inbox.close()
  t.match(await ann.inbox.act(byShop.id, 'yes/please'), { id: byShop.id, acted: 'yes/please', actions })
  t.match(await ann.inbox.act(byShop.id, 'yes/please'), { acted: 'yes/please' }, 'the same again')
  await t.rejects(ann.inbox.act(byShop.id, 'no'), { code: 'GP_CONFLICT', retry: 'never' })
  await t.rejects(ann.inbox.act(byBob.id, 'maybe'), { code: 'GP_NOT_FOUND' })
  await t.rejects(bob.inbox.act(byBob.id, 'no'), { code: 'GP_NOT_FOUND' }, 'the sender')
  const change = { type: 'change', stream: 'u:ann', ids: [byShop.id], acted: 'yes/please' }
  const back = open('ann', { cursors: away })
  for (const device of [ann, back]) t.match(await until('the change', () => device.entries.find(entry => entry.type === 'change' && entry.acted !== undefined)), change)
  t.equal((await back.inbox.get(byShop.id)).acted, 'yes/please')
  t.same((await back.inbox.list()).messages.map(({ acted }) => acted), ['yes/please', null])
  // `sender` is a producer's: a program without types may send it all the same.
  await t.rejects(bob.inbox.send({ to: { user: 'ann' }, title: 'x', sender: { name: 'The bank' } } as Parameters<typeof bob.inbox.send>[0]), { code: 'GP_VALIDATION', message: /^sender: / })
})
