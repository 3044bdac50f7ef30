import t from 'tap'
import { claimsOf, createTokens, lifeMs, refreshDelayMs } from '../../clients/tokens.js'

const nowMs = 1_800_000_000_000
const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`

t.test('tokens - claims are read from any JWT, and nothing from other text', async t => {
  t.equal(claimsOf(jwt({ sub: 'Zoë 🦉' })).sub, 'Zoë 🦉')
  t.strictSame(claimsOf('no token'), {})
  t.strictSame(claimsOf(jwt([])), [])
})

t.test('tokens - the next one is asked for with a fifth of the life left, at most a minute', async t => {
  const token = (ttlSeconds: number): string => jwt({ iat: nowMs / 1000, exp: nowMs / 1000 + ttlSeconds })
  t.equal(refreshDelayMs(token(100), nowMs), 80_000)
  t.equal(refreshDelayMs(token(3600), nowMs), 3_540_000)
  t.equal(refreshDelayMs(token(0.1), nowMs), 1_000)
  t.equal(refreshDelayMs(jwt({}), nowMs), undefined)
})

t.test('tokens - a device whose clock is wrong still refreshes in time, and not all the time', async t => {
  const token = jwt({ iat: nowMs / 1000, exp: nowMs / 1000 + 100 })
  t.equal(lifeMs(token, nowMs - 3_600_000), 100_000, 'slow clock')
  t.equal(refreshDelayMs(token, nowMs + 3_600_000), 80_000, 'fast clock')
})

t.test('tokens - one call for all who ask at once, a refused token is asked for again', async t => {
  let calls = 0
  const tokens = createTokens(async () => jwt({ n: ++calls }))
  const [a, b] = await Promise.all([tokens.get(), tokens.get()])
  t.equal(a, b)
  t.equal(calls, 1)
  const c = await tokens.renew(a)
  t.not(c, a)
  t.equal(await tokens.renew(a), c, 'somebody has renewed it already')
  t.equal(calls, 2)
  t.equal(await tokens.get(), c)
})

t.test('tokens - one about to expire is not handed out, a failing function is an error with a code', async t => {
  let calls = 0
  const tokens = createTokens(() => jwt({ exp: Date.now() / 1000 + (++calls === 1 ? 1 : 60), n: calls }))
  await tokens.get()
  await tokens.get()
  await tokens.get()
  t.equal(calls, 2)
  await t.rejects(createTokens(() => { throw new Error('no') }).get(), { code: 'GP_TOKEN_UNAVAILABLE', retry: 'later' })
  await t.rejects(createTokens(() => '').get(), { code: 'GP_TOKEN_UNAVAILABLE' })
})

t.test('tokens - a text is what it is until it is replaced', async t => {
  const tokens = createTokens('one')
  t.equal(tokens.isRenewable, false)
  t.equal(await tokens.renew('one'), 'one')
  tokens.replace('two')
  t.equal(await tokens.get(), 'two')
  t.equal(await tokens.renew('one'), 'two')
})
