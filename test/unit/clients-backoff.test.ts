import t from 'tap'
import { createBackoff } from '../../clients/backoff.js'
import { GatepostError } from '../../clients/errors.js'
import { judgeFailure } from '../../clients/outgoing.js'
import { createRecentIds } from '../../clients/recent-ids.js'

t.test('backoff - doubles up to its most, with jitter, and begins again after a success', async t => {
  const longest = createBackoff({ baseMs: 100, maxMs: 1_000, random: () => 1 })
  t.strictSame([1, 2, 3, 4, 5, 6].map(() => longest.next()), [100, 200, 400, 800, 1_000, 1_000])
  longest.reset()
  t.equal(longest.next(), 100)
  const shortest = createBackoff({ baseMs: 100, random: () => 0 })
  t.strictSame([shortest.next(), shortest.next()], [25, 50])
})

t.test('backoff - never shorter than the server asks for', async t => {
  t.equal(createBackoff({ baseMs: 100, random: () => 0 }).next(5_000), 5_000)
})

t.test('errors - a code says whether to try again; an unknown one is judged by its status', async t => {
  const retry = (code: string, status?: number): string => new GatepostError(code, '', { status }).retry
  t.equal(retry('GP_VALIDATION'), 'never')
  t.equal(retry('GP_OVERLOADED'), 'later')
  t.equal(retry('GP_TICKET_EXPIRED'), 'elsewhere')
  t.equal(retry('GP_NEW', 418), 'never')
  t.equal(retry('GP_NEW', 503), 'later')
  t.equal(retry('GP_NEW'), 'later')
  t.equal(retry('constructor', 400), 'never')
})

t.test('errors - what a failed try means for a message', async t => {
  const judge = (code: string, volatile = false, internalErrors = 0): string => judgeFailure(new GatepostError(code, ''), { volatile, internalErrors })
  t.equal(judge('GP_VALIDATION'), 'refused')
  t.equal(judge('GP_UNREACHABLE'), 'again')
  t.equal(judge('GP_UNREACHABLE', true), 'unknown')
  t.equal(judge('GP_OVERLOADED', true), 'again')
  t.equal(judge('GP_TOKEN_EXPIRED'), 'again')
  t.equal(judge('GP_INTERNAL', false, 4), 'again')
  t.equal(judge('GP_INTERNAL', false, 5), 'refused')
})

t.test('recent ids - remembers the last ones, and no more', async t => {
  const recent = createRecentIds(2)
  t.ok(recent.isNew('a'))
  t.notOk(recent.isNew('a'))
  t.ok(recent.isNew('b'))
  t.ok(recent.isNew('c'))
  t.ok(recent.isNew('a'), 'forgotten')
})
