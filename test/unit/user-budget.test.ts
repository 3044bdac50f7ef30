import t from 'tap'
import { GatepostError } from '../../shared/contract/errors.js'
import type { NodeId, UserId } from '../../shared/contract/names.js'
import { createUserBudget, type BudgetRequest, type UserBudget } from '../../services/notifications/mailbox/user-budget.js'

const ann = 'ann' as UserId

/** Nodes `a` (that of every user) and `b`, `c`; what is asked goes straight to `a`, while it answers. */
function nodes (perMinute: number): { budgets: Record<string, UserBudget>, asked: () => number, silence: (isSilent: boolean) => void, at: (ms: number) => void } {
  let asked = 0
  let isSilent = false
  let nowMs = 1_000_000
  const budgets: Record<string, UserBudget> = {}
  const ask = async (_node: NodeId, _kind: string, body: unknown): Promise<unknown> => {
    asked++
    if (isSilent) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'no answer')
    return budgets['a']!.serve(body as BudgetRequest)
  }
  for (const id of ['a', 'b', 'c']) {
    budgets[id] = createUserBudget({ nodeId: id as NodeId, perMinute, dispatch: { ask, isResponsive: true }, ownerOf: () => 'a' as NodeId, elapsed: () => nowMs })
  }
  return { budgets, asked: () => asked, silence: silent => { isSilent = silent }, at: ms => { nowMs += ms } }
}

const taken = async (budget: UserBudget, times: number, purpose: 'work' | 'reading' = 'work'): Promise<number> =>
  (await budget.takeEach(ann, purpose, Array.from({ length: times }, () => 1))).filter(wait => wait === 0).length

t.test('budget - one for a user, whatever nodes the requests go to', async t => {
  const { budgets, asked } = nodes(60)
  t.equal(await taken(budgets['b']!, 30), 30)
  t.equal(await taken(budgets['c']!, 100), 30)
  t.equal(await taken(budgets['a']!, 100), 0)
  t.ok(asked() < 30, 'in portions', { asked: asked() })
  t.equal((await budgets['b']!.takeEach('bob' as UserId, 'work', [60]))[0], 0, 'another user is another one')
})

t.test('budget - where it counts itself, nobody waits', async t => {
  const { budgets } = nodes(6)
  t.same(budgets['a']!.takeEach(ann, 'work', [2, 3, 2]), [0, 0, 10], 'at once, and says how long')
  t.equal(budgets['a']!.charge(ann, 'work'), undefined)
  t.throws(() => budgets['a']!.charge(ann, 'work'), { code: 'GP_RATE_LIMIT', retryAfterSeconds: 10 })
})

t.test('budget - refused elsewhere: says when, and does not ask for each', async t => {
  const { budgets, asked, at } = nodes(60)
  t.equal(await taken(budgets['a']!, 60), 60)
  await t.rejects(async () => { await budgets['b']!.charge(ann, 'work', 30) }, { code: 'GP_RATE_LIMIT', retryAfterSeconds: 30 })
  for (let i = 0; i < 100; i++) await t.rejects(async () => { await budgets['b']!.charge(ann, 'work') }, { code: 'GP_RATE_LIMIT' })
  t.ok(asked() <= 2, 'asked again after a moment only', { asked: asked() })
  at(2_000)
  t.equal(await budgets['b']!.charge(ann, 'work'), undefined)
})

t.test('budget - many at once at another node take no more than there is, and lose nothing', async t => {
  const { budgets, asked } = nodes(60)
  const answers = await Promise.allSettled(Array.from({ length: 100 }, async () => { await budgets['b']!.charge(ann, 'work') }))
  t.equal(answers.filter(({ status }) => status === 'fulfilled').length, 60)
  t.ok(asked() <= 25, 'in portions', { asked: asked() })
})

t.test('budget - while the node that counts is silent, each counts by itself', async t => {
  const { budgets, asked, silence, at } = nodes(60)
  silence(true)
  t.equal(await taken(budgets['b']!, 100), 60)
  t.equal(asked(), 1, 'one that is silent is not asked again at once')
  silence(false)
  at(6_000)
  t.equal(await taken(budgets['b']!, 100), 60, 'counted there again')
})

t.test('budget - reading has a part of its own, taken first', async t => {
  const { budgets } = nodes(60)
  t.equal(await taken(budgets['a']!, 100), 60)
  t.equal(await taken(budgets['a']!, 100, 'reading'), 30, 'who has sent too much can read')
  const { budgets: others } = nodes(60)
  t.equal(await taken(others['b']!, 200, 'reading'), 90)
  t.equal(await taken(others['b']!, 1), 0, 'and reading counts')
})

t.test('budget - one that costs more than a minute takes a whole one; what proves dearer is counted afterwards', async t => {
  const { budgets } = nodes(60)
  t.equal(await budgets['b']!.charge(ann, 'work', 1_000), undefined)
  t.equal(await taken(budgets['b']!, 1), 0)
  const { budgets: others, at } = nodes(60)
  others['a']!.add(ann, 'work', 90)
  t.equal(await taken(others['a']!, 1), 0)
  at(31_000)
  t.equal(await taken(others['a']!, 1), 1)
})

t.test('budget - what proves dearer at another node reaches the one that counts, or counts here while that one is silent', async t => {
  const { budgets, at, silence } = nodes(60)
  t.equal(await taken(budgets['b']!, 1), 1)
  budgets['b']!.add(ann, 'work', 1_000_000)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(await taken(budgets['a']!, 1), 0, 'at once, on every node')
  at(60_000) // the lease has ended
  t.equal(await taken(budgets['b']!, 1), 0)
  t.equal(await taken(budgets['c']!, 1), 0)
  at(61_000)
  t.equal(await taken(budgets['b']!, 1), 1, 'what is owed is a minute at most')
  silence(true)
  budgets['b']!.add(ann, 'work', 120)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(await taken(budgets['b']!, 1), 0)
})

t.test('budget - none', async t => {
  const budget = createUserBudget({ nodeId: 'a' as NodeId, perMinute: undefined, dispatch: { ask: async () => ({}), isResponsive: true }, ownerOf: () => 'b' as NodeId, elapsed: () => 0 })
  t.same(budget.takeEach(ann, 'work', [1_000_000, 1]), [0, 0])
  t.equal(budget.charge(ann, 'reading', 1_000_000), undefined)
})
