import t from 'tap'
import { createIdempotencyRecords } from '../../services/notifications/mailbox/commands/idempotency.js'
import { createClock } from '../../shared/contract/clock.js'
import { parseMessage } from '../../shared/contract/message.js'
import type { MessageId } from '../../shared/contract/names.js'
import type { JsonDoc } from '../../shared/store/store.js'
import { createMemoryStore, type Fate } from '../helpers/memory-store.js'

const one = 'the first secret of this cluster'
const two = 'the second secret of this cluster'
const draft = parseMessage({ to: { user: 'bob' }, title: '1234' })
const other = parseMessage({ to: { user: 'bob' }, title: '1235' })
const id = (text: string): MessageId => text as MessageId

function site () {
  const faults: { replace?: Fate } = {}
  const store = createMemoryStore({ before: ({ kind }) => kind === 'replace' ? faults.replace : undefined })
  const by = (secrets: readonly string[], isKeyed = true) => createIdempotencyRecords({ store: { ...store, refusal: () => undefined }, clock: createClock(), secrets, isKeyed })
  return { store, by, faults, texts: () => store.all<JsonDoc>('claims').map(({ text }) => JSON.parse(text) as Record<string, unknown>) }
}

t.test('claims - the same message gets its first id, another one is a conflict', async t => {
  for (const isKeyed of [true, false]) {
    const { by } = site()
    const claims = by([one], isKeyed)
    t.same(await claims.claim('p:shop', 'k', draft, id('a'), true), { id: 'a', duplicate: false })
    t.same(await claims.claim('p:shop', 'k', draft, id('b'), true), { id: 'a', duplicate: true })
    await t.rejects(claims.claim('p:shop', 'k', other, id('c'), true), { code: 'GP_IDEMPOTENCY_CONFLICT' })
  }
})

t.test('claims - what is stored tells nobody without the secret which message it was', async t => {
  const [ours, theirs, former] = [site(), site(), site()]
  await ours.by([one]).claim('p:shop', 'k', draft, id('a'), true)
  await theirs.by([two]).claim('p:shop', 'k', draft, id('a'), true)
  await former.by([one], false).claim('p:shop', 'k', draft, id('a'), true)
  const bodies = [ours, theirs, former].map(({ texts }) => texts()[0]!['body'])
  t.equal(new Set(bodies).size, 3, 'it depends on the secret')
  t.notOk(JSON.stringify(ours.texts()).includes(one))
})

t.test('claims - a rotation of the secret, and processes of version 0.1, find what was claimed', async t => {
  const { by } = site()
  await by([one], false).claim('p:shop', 'of 0.1', draft, id('a'), true)
  await by([one]).claim('p:shop', 'k', draft, id('a'), true)
  for (const secrets of [[one], [one, two], [two, one]]) {
    t.same(await by(secrets).claim('p:shop', 'of 0.1', draft, id('b'), true), { id: 'a', duplicate: true })
    t.same(await by(secrets).claim('p:shop', 'k', draft, id('b'), true), { id: 'a', duplicate: true })
    await t.rejects(by(secrets).claim('p:shop', 'k', other, id('c'), true), { code: 'GP_IDEMPOTENCY_CONFLICT' })
  }
  t.same(await by([two]).claim('p:shop', 'k', draft, id('b'), true), { id: 'a', duplicate: true }, 'the secret is gone: no 409 for the same message')
})

t.test('claims - a store that takes no writes still tells what a key stands for', async t => {
  const { by, faults } = site()
  const claims = by([one])
  await claims.claim('p:shop', 'k', draft, id('a'), true)
  faults.replace = 'refused'
  for (const isAhead of [true, false]) {
    t.same(await claims.claim('p:shop', 'k', draft, id('b'), isAhead), { id: 'a', duplicate: true })
    t.same(await claims.claim('p:shop', 'k', draft, id('a'), isAhead), { id: 'a', duplicate: false })
    await t.rejects(claims.claim('p:shop', 'k', other, id('c'), isAhead), { code: 'GP_IDEMPOTENCY_CONFLICT' })
  }
  await t.rejects(claims.claim('p:shop', 'new', draft, id('b'), true), { code: 'GP_STORE_UNAVAILABLE' })
  t.match(await claims.claim('p:shop', 'new', draft, id('b'), false), { id: 'b', duplicate: false, claim: { isLost: false } })
})

t.test('claims - a key that is known costs no write where the claim may be left to the message', async t => {
  const { by, store } = site()
  await by([one]).claim('p:shop', 'k', draft, id('a'), true)
  store.commands.length = 0
  t.same(await by([one]).claim('p:shop', 'k', draft, id('b'), false), { id: 'a', duplicate: true })
  t.same(store.commands.map(({ kind }) => kind), ['get'])
})
