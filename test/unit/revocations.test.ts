import fc from 'fast-check'
import t from 'tap'
import { createRevocations, type RevocationChange } from '../../shared/contract/revocations.js'

const change = (seq: number, name: string, before: number | null, kind: RevocationChange['kind'] = 'user'): RevocationChange => ({ seq, kind, name, before })

t.test('revocations - what was issued before is refused, what was issued then or later is not', async t => {
  const list = createRevocations()
  list.check(['user'], 'ann', undefined)
  list.apply(change(1, 'ann', 5_000))
  t.throws(() => { list.check(['user'], 'ann', 4_999) }, { code: 'GP_TOKEN_REVOKED' })
  t.throws(() => { list.check(['user'], 'ann', undefined) }, { code: 'GP_TOKEN_REVOKED' }, 'without a time it counts as issued before everything')
  list.check(['user'], 'ann', 5_000)
  list.check(['user'], 'bob', 1)
  list.check(['producer', 'admin'], 'ann', 1)
  t.throws(() => { list.check(['producer', 'user'], 'ann', 1) }, { code: 'GP_TOKEN_REVOKED' }, 'each scope counts')
  list.apply(change(2, 'ann', null))
  list.check(['user'], 'ann', undefined)
})

t.test('revocations - changes come in order, and each once', async t => {
  const list = createRevocations()
  list.apply(change(5, 'ann', 1_000))
  list.apply(change(5, 'ann', null))
  list.apply(change(4, 'ann', null))
  t.ok(list.isRevoked('user', 'ann', 999))
  t.equal(list.seq, 5)
})

t.test('revocations - pages name each in force once, in their order', async t => {
  const list = createRevocations()
  for (let i = 0; i < 25; i++) list.apply(change(i + 1, `user ${String(i * 7 % 25).padStart(2, '0')}`, 1_000))
  list.apply(change(26, 'user 03', null))
  const names: string[] = []
  let after: string | undefined
  do {
    const { revocations, next } = list.page(10, after)
    names.push(...revocations.map(({ name }) => name))
    after = next ?? undefined
  } while (after !== undefined)
  t.same(names, Array.from({ length: 25 }, (_, i) => `user ${String(i).padStart(2, '0')}`).filter(name => name !== 'user 03'))
})

t.test('revocations - who follows by changes, in pages of any size, knows the same', async () => {
  const someChange = fc.record({ kind: fc.constantFrom<RevocationChange['kind'][]>('user', 'producer', 'admin'), name: fc.constantFrom('ann', 'bob', 'eve'), before: fc.option(fc.integer({ min: 1, max: 9 })) })
  fc.assert(fc.property(fc.array(someChange, { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(29)), (changes, limit, lookAt) => {
    const source = createRevocations()
    const follower = createRevocations()
    const follow = (): void => {
      for (let hasMore = true; hasMore;) {
        const answer = source.changesAfter(follower.seq, limit)
        for (const one of answer.changes) follower.apply(one)
        hasMore = answer.more
      }
    }
    changes.forEach((one, i) => {
      source.apply({ seq: (i + 1) * 10, ...one })
      if (lookAt.includes(i)) follow()
    })
    follow()
    const all = (list: typeof source): unknown => list.page(100, undefined)
    if (JSON.stringify(all(source)) !== JSON.stringify(all(follower)) || source.seq !== follower.seq) throw new Error('they differ')
  }))
})
