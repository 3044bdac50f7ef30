import t from 'tap'
import { createUseLink } from '../../services/notifications/node/used-links.js'
import { createClock } from '../../shared/contract/clock.js'
import { createLinkVerifier, linkLivesMs, signLink } from '../../shared/platform/identity/link.js'
import type { Store } from '../../shared/store/store.js'
import { openTestLmdb } from '../helpers/lmdb-store.js'

const secret = 'the first secret of these tests, 0123456789'
const next = 'the second secret of these tests, 0123456789'

t.test('admin link - ends after a quarter of an hour, and lives through a change of secrets', t => {
  const at = Date.UTC(2026, 0, 1)
  const { link, expiresAt } = signLink({ secret, sub: 'ops', sessionMs: 7_200_000, now: () => at })
  t.equal(expiresAt, at + linkLivesMs)
  const readAt = (now: number, secrets = [secret]) => () => createLinkVerifier({ secrets, now: () => now })(link)
  t.match(readAt(at + linkLivesMs - 1)(), { sub: 'ops', issuedAt: at, expiresAt, sessionMs: 7_200_000, id: /^[\w-]{22}$/ })
  t.match(readAt(at, [next, secret])(), { sub: 'ops' })
  t.throws(readAt(at, [next]), { code: 'GP_TOKEN_INVALID' })
  t.throws(readAt(at + linkLivesMs), { code: 'GP_TOKEN_EXPIRED' })
  t.not(signLink({ secret, sub: 'ops', sessionMs: 1, now: () => at }).link, link, 'no two are the same')
  t.end()
})

t.test('used links - the first try has it, also where it asks twice or its outcome was lost', async t => {
  const store = await openTestLmdb(t)
  const until = Date.now() + linkLivesMs
  const use = createUseLink({ store, clock: createClock() })
  t.equal(await use({ id: 'a', by: 'one', until }), true)
  t.equal(await use({ id: 'a', by: 'one', until }), true, 'the same request, sent again')
  t.equal(await use({ id: 'a', by: 'two', until }), false)
  t.equal(await use({ id: 'b', by: 'two', until }), true, 'another link')

  const losing: Store = { ...store, replace: async (...given) => { await store.replace(...given); return ['unknown'] } }
  t.equal(await createUseLink({ store: losing, clock: createClock() })({ id: 'c', by: 'one', until }), true, 'it was stored, and nobody heard of it')
  const silent: Store = { ...store, replace: async () => ['unknown'] }
  await t.rejects(createUseLink({ store: silent, clock: createClock() })({ id: 'd', by: 'one', until }), { code: 'GP_OUTCOME_UNKNOWN' })
  const full: Store = { ...store, replace: async () => ['refused'], refusal: () => 'the disk is full' }
  await t.rejects(createUseLink({ store: full, clock: createClock() })({ id: 'd', by: 'one', until }), { code: 'GP_STORE_UNAVAILABLE', message: /^the disk is full/ })
})
