import t from 'tap'
import { shareInTurn } from '../../shared/store/share-in-turn.js'
import { isStorableKey, keyOfPurgeKey, maxKeyBytes, packDoc, purgeAtOf, purgeKey, unpackDoc, versionOf } from '../../shared/store/lmdb-encoding.js'
import { planShares } from '../../shared/store/mongodb-sharding.js'
import { compareKeys, isEmptyRange, sortRanges } from '../../shared/store/key-order.js'
import { createBatcher } from '../../shared/store/batcher.js'

t.test('keys - compare as their UTF-8 bytes', async t => {
  t.ok(compareKeys('\uffff', '\u{10000}') < 0, 'beyond U+FFFF comes last, unlike in UTF-16')
  t.ok('\uffff' > '\u{10000}')
  t.ok(compareKeys('a', 'ab') < 0)
  t.equal(compareKeys('é', 'é'), 0)
  t.same(sortRanges([{ from: 'c', to: 'd' }, { from: 'b', to: 'b' }, { from: 'a', to: 'b' }]), [{ from: 'a', to: 'b' }, { from: 'c', to: 'd' }])
  t.ok(isEmptyRange({ from: 'b', to: 'a' }))
})

t.test('purge index - sorts by time, then by key, and gives the key back', async t => {
  const keys = [purgeKey(0, 'z'), purgeKey(1, ''), purgeKey(1.7e12, 'a\t😀'), purgeKey(1.7e12, 'b'), purgeKey(1.7e12 + 1, ''), purgeKey(4e15, 'a')]
  t.same([...keys].sort((a, b) => Buffer.compare(a, b)), keys)
  t.equal(keyOfPurgeKey(keys[2] ?? Buffer.alloc(8)), 'a\t😀')
  t.same(purgeKey(-5, 'k'), purgeKey(0, 'k'))
  t.notOk(isStorableKey(''))
  t.notOk(isStorableKey('é'.repeat(maxKeyBytes / 2) + 'x'))
  t.ok(isStorableKey('é'.repeat(maxKeyBytes / 2)))
})

t.test('documents - lie as arrays of their shape, or whole where the shape is another', async t => {
  const message = { key: 'k', v: 3, purgeAt: 17, kind: 'message', seq: 1, id: 'i', expiresAt: 9, sender: 's', category: 'c', boxes: 'inbox', recalled: 0, text: 't' }
  const change = { key: 'k', v: 3, purgeAt: 17, kind: 'change', seq: 1, id: 'i', expiresAt: 9, text: 't' }
  const json = { key: 'k', v: 3, purgeAt: 17, text: 't' }
  const docs = [message, change, json, { ...json, extra: 1 }, { ...message, text: undefined }, { key: 'k', v: 3, purgeAt: 17, body: 't' }]
  for (const doc of docs) {
    const packed = packDoc(doc, 1)
    t.strictSame(unpackDoc('k', packed), doc)
    t.same([versionOf(packed), purgeAtOf(packed)], [3, 17])
  }
  t.same(docs.map(doc => packDoc(doc, 1)[0]), [1, 2, 3, 0, 1, 0])
  t.throws(() => unpackDoc('k', [99, 1]))
})

t.test('sharding - an even share for each shard, whatever the order in which they are listed', async t => {
  for (const count of [1, 2, 3, 7, 100, 1000]) {
    const shards = Array.from({ length: count }, (_, at) => `shard${String(at).padStart(4, '0')}`)
    const shares = planShares([...shards].reverse())
    t.same(shares.map(({ shard }) => shard), shards)
    const begins = shares.map(({ from }) => from)
    t.equal(begins[0], '0000')
    t.ok(begins.every(begin => /^[0-9a-f]{4}$/.test(begin)))
    const widths = begins.map((begin, at) => parseInt(begins[at + 1] ?? '10000', 16) - parseInt(begin, 16))
    t.ok(Math.min(...widths) > 0 && Math.max(...widths) - Math.min(...widths) <= 1, 'even to one prefix')
  }
  t.same(planShares([]), [])
})

t.test('tick group - asks together, answers each, splits at the limit', async t => {
  const asked: number[][] = []
  const group = createBatcher<number, string>(3, async questions => {
    asked.push([...questions])
    return questions.map(String)
  })
  t.same(await Promise.all([group.ask([1, 2]), group.ask([]), group.ask([3, 4]), group.ask([5])]), [['1', '2'], [], ['3', '4'], ['5']])
  t.same(asked, [[1, 2, 3], [4, 5]])
  t.same(await group.ask([9]), ['9'])
  t.same(asked.length, 3)
})

t.test('tick group - a failure reaches everyone who asked, and nobody later', async t => {
  let fails = true
  const group = createBatcher<number, number>(10, async questions => {
    if (fails) throw new Error('broken')
    return [...questions]
  })
  const results = await Promise.allSettled([group.ask([1]), group.ask([2])])
  t.same(results.map(result => result.status), ['rejected', 'rejected'])
  fails = false
  t.same(await group.ask([3]), [3])
})

t.test('tick group - places are asked apart, and one that fails or hangs is felt only by who asked there', async t => {
  const asked: string[][] = []
  const group = createBatcher<string, string>(2, async questions => {
    asked.push([...questions])
    if (questions[0]?.startsWith('down') === true) throw new Error('down')
    if (questions[0]?.startsWith('slow') === true) await new Promise(() => {})
    return questions.map(question => question.toUpperCase())
  }, question => question.slice(0, 4))
  const [well, mixed, down] = await Promise.allSettled([group.ask(['here1', 'also1', 'here2']), group.ask(['here3', 'down1']), group.ask(['down2'])])
  t.match(well, { value: ['HERE1', 'ALSO1', 'HERE2'] })
  t.match([mixed, down], [{ reason: { message: 'down' } }, { reason: { message: 'down' } }])
  t.same(asked, [['here1', 'here2'], ['here3'], ['also1'], ['down1', 'down2']])
  const hanging = Promise.race([group.ask(['slow1', 'here4']), group.ask(['here5'])])
  t.same(await hanging, ['HERE5'])
})

t.test('share in turn - what is asked for twice in a turn is read once, what comes later is read anew', async t => {
  const begun: string[] = []
  const read = shareInTurn((name: string) => name, async name => { begun.push(name); if (name === 'bad') throw new Error('cannot'); return begun.length })
  const first = [read('a'), read('b'), read('a')]
  t.same(begun, [], 'none has begun before the turn ends')
  t.same(await Promise.all(first), [1, 2, 1])
  t.equal(await read('a'), 3)
  const bad = [read('bad'), read('bad')]
  for (const one of bad) await t.rejects(one, { message: 'cannot' })
  t.same(begun, ['a', 'b', 'a', 'bad'])
})
