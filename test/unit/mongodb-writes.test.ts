import { MongoNetworkError, MongoServerError, MongoServerSelectionError, type Document } from 'mongodb'
import t from 'tap'
import { toBson, type BsonDoc } from '../../shared/store/mongodb-document.js'
import { insertChains, type MongodbWrites, type WriteReply } from '../../shared/store/mongodb-insert.js'
import { replaceDocs } from '../../shared/store/mongodb-replace.js'

/** What a server (or the way to it) did with one command. */
type Step = WriteReply | Error

const network = new MongoNetworkError('connection 1 closed')
const noServer = new MongoServerSelectionError('no server', {} as never)
const steppedDown = new MongoServerError({ message: 'not primary', code: 10107 })
const notAllowed = new MongoServerError({ message: 'not authorized', code: 13 })
const duplicateAt = (...indexes: number[]): WriteReply => ({ n: 99, writeErrors: indexes.map(index => ({ index, code: 11000 })) })
const stored: WriteReply = { n: 99 }

/** Plays the steps in order; `readable` is what a majority has. */
function script (steps: Step[], readable: readonly Document[] = [], leftMs = 5000): { writes: MongodbWrites, sent: Document[] } {
  const sent: Document[] = []
  return {
    sent,
    writes: {
      leftMs: () => leftMs,
      run: async command => {
        sent.push(command)
        const step = steps[sent.length - 1]
        if (step === undefined) throw new Error('more commands than expected')
        if (step instanceof Error) throw step
        return step
      },
      identify: async (_, keys) => new Map(readable.filter(doc => keys.includes(doc._id as string)).map(doc => [doc._id as string, doc]))
    }
  }
}

const doc = (key: string, w = 'mine', v = 0): BsonDoc => toBson({ key, v, purgeAt: null }, w)
const entry = (key: string, id: string, seq = 1): BsonDoc => toBson({ key, v: 0, purgeAt: null, id, seq } as never)
const insert = async (steps: Step[], chains: BsonDoc[][], readable?: readonly Document[]): Promise<Array<[number, string | undefined]>> => {
  const { writes, sent } = script(steps, readable)
  const outcomes = await insertChains(writes, 'state', chains)
  t.equal(sent.length, steps.length, 'every command was expected')
  return outcomes.map(outcome => [outcome.stored, outcome.stopped])
}

t.test('insert - a duplicate key at the first try is another\'s, and costs no look-up', async t => {
  t.same(await insert([duplicateAt(1)], [[doc('a')], [doc('b')], [doc('c')]], [doc('b')]), [[1, undefined], [0, 'exists'], [1, undefined]])
  t.same(await insert([duplicateAt(2)], [[doc('a'), doc('b'), doc('c'), doc('d')]]), [[2, 'exists']], 'whatever n says')
})

t.test('insert - after a broken connection the same is sent again, and a duplicate key is looked up', async t => {
  t.same(await insert([network, stored], [[doc('a')]]), [[1, undefined]])
  t.same(await insert([network, duplicateAt(0)], [[doc('a')]], [doc('a', 'mine')]), [[1, undefined]], 'it was our own')
  t.same(await insert([network, duplicateAt(0)], [[doc('a')]], [doc('a', 'other')]), [[0, 'exists']])
  t.same(await insert([network, duplicateAt(0)], [[doc('a')]], [doc('a', 'other', 3)]), [[0, 'unknown']], 'replaced since: by whom it was made cannot be told')
  t.same(await insert([network, duplicateAt(0, 1)], [[entry('a', 'x')], [entry('b', 'y')]], [entry('a', 'x'), entry('b', 'z')]), [[1, undefined], [0, 'exists']], 'entries are told by their id')
  t.same(await insert([network, duplicateAt(0)], [[entry('a', 'x', 5)]], [entry('a', 'x', 6)]), [[0, 'exists']], 'the same entry, placed by another node at another seq: the chain goes on from that one')
  t.same(await insert([network, duplicateAt(0)], [[entry('a', 'x', 5), entry('b', 'y', 7)]], [entry('a', 'x', 6)]), [[0, 'exists']])
  t.same(await insert([steppedDown, stored], [[doc('a'), doc('b')]]), [[2, undefined]])
  t.same(await insert([network, duplicateAt(0), duplicateAt(0), stored], [[doc('a'), doc('b'), doc('c')]], [doc('a'), doc('b')]), [[3, undefined]], 'a chain goes on behind what was ours')
  t.same(await insert([network, duplicateAt(1)], [[doc('a'), doc('b'), doc('c')]], [doc('b', 'other')]), [[1, 'exists']])
})

t.test('insert - refused only where nothing can have been stored', async t => {
  t.same(await insert([noServer, noServer, noServer], [[doc('a')]]), [[0, 'refused']])
  t.same(await insert([noServer, network, noServer], [[doc('a')]]), [[0, 'unknown']])
  t.same(await insert([network, network, network], [[doc('a'), doc('b')]]), [[0, 'unknown']])
  t.same(await insert([notAllowed], [[doc('a')]]), [[0, 'refused']])
  t.same(await insert([notAllowed], [[doc('a'), doc('b')]]), [[0, 'refused']])
  t.same(await insert([network, notAllowed], [[doc('a')]]), [[0, 'unknown']])
  t.same(await insert([{ writeErrors: [{ index: 0, code: 121 }] }], [[doc('a')], [doc('b')]]), [[0, 'refused'], [1, undefined]])
  t.same(await insert([{ writeErrors: [{ index: 1, code: 121 }] }], [[doc('a'), doc('b'), doc('c')]]), [[1, 'refused']])
  t.same(await insert([{ writeErrors: [{ index: 0, code: 91 }] }, duplicateAt(0)], [[doc('a')], [doc('b')]], [doc('a')]), [[1, undefined], [1, undefined]], 'a shard that shuts down: only its document is sent again')
})

t.test('insert - what a majority has not confirmed is looked up, and unknown where it cannot be read', async t => {
  const unconfirmed: WriteReply = { n: 1, writeConcernError: { code: 64 } }
  t.same(await insert([unconfirmed], [[doc('a')]], [doc('a')]), [[1, undefined]])
  t.same(await insert([unconfirmed], [[doc('a')], [doc('b')]], [doc('a')]), [[1, undefined], [0, 'unknown']])
  t.same(await insert([unconfirmed], [[doc('a'), doc('b')]], [doc('a')]), [[1, 'unknown']])
})

t.test('insert - a chain that crosses to another shard goes on there only after its first part is stored', async t => {
  const map = [{ from: '', shard: 'a' }, { from: 'c', shard: 'b' }]
  const chain = ['a', 'b', 'c', 'd'].map(key => doc(key))
  const run = async (steps: Step[]): Promise<{ outcomes: unknown[], keys: string[][] }> => {
    const { writes, sent } = script(steps)
    const outcomes = (await insertChains(writes, 'state', [chain], map)).map(outcome => [outcome.stored, outcome.stopped])
    return { outcomes, keys: sent.map(command => (command.documents as BsonDoc[]).map(({ _id }) => _id)) }
  }
  t.same(await run([stored, stored]), { outcomes: [[4, undefined]], keys: [['a', 'b'], ['c', 'd']] })
  t.same(await run([duplicateAt(1)]), { outcomes: [[1, 'exists']], keys: [['a', 'b']] }, 'nothing behind what was not stored')
  t.same(await run([stored, duplicateAt(1)]), { outcomes: [[3, 'exists']], keys: [['a', 'b'], ['c', 'd']] })
  t.same(await run([stored, notAllowed]), { outcomes: [[2, 'refused']], keys: [['a', 'b'], ['c', 'd']] })
})

t.test('writes - the documents of a tick go out by shard', async t => {
  const map = [{ from: '', shard: 'a' }, { from: 'c', shard: 'b' }, { from: 'e', shard: 'a' }]
  const keys = ['a', 'c', 'e', 'b', 'd']
  const inserts = script([stored, duplicateAt(0)])
  t.same((await insertChains(inserts.writes, 'state', keys.map(key => [doc(key)]), map)).map(outcome => outcome.stopped), [undefined, 'exists', undefined, undefined, undefined])
  t.same(inserts.sent.map(command => (command.documents as BsonDoc[]).map(({ _id }) => _id)), [['a', 'e', 'b'], ['c', 'd']])
  const updates = script([{ n: 3 }, { n: 0 }])
  t.same(await replaceDocs(updates.writes, 'state', keys.map(key => ({ was: 0, doc: doc(key, 'mine', 1) })), map), ['done', 'changed', 'done', 'done', 'changed'])
  t.same(updates.sent.map(command => (command.updates as Array<{ q: BsonDoc }>).map(({ q }) => q._id)), [['a', 'e', 'b'], ['c', 'd']])
})

t.test('writes - nothing is tried when the time is over', async t => {
  const { writes, sent } = script([], [], 0)
  t.same((await insertChains(writes, 'state', [[doc('a')], [doc('b'), doc('c')]])).map(outcome => outcome.stopped), ['refused', 'refused'])
  t.same(await replaceDocs(writes, 'state', [{ was: 0, doc: doc('a', 'mine', 1) }]), ['refused'])
  t.same(sent, [])
})

t.test('insert - only what surely stored nothing is refused', async t => {
  for (const code of [2, 13, 121, 10334]) t.same(await insert([new MongoServerError({ message: '', code })], [[doc('a')]]), [[0, 'refused']], `code ${code}`)
  for (const code of [11600, 91, 189, 13388, 50, 112, 424_242]) t.same(await insert([new MongoServerError({ message: '', code }), duplicateAt(0)], [[doc('a')]], [doc('a')]), [[1, undefined]], `code ${code}`)
  const overloaded = new MongoServerError({ message: '', code: 462, errorLabels: ['NoWritesPerformed'] })
  t.same(await insert([overloaded, overloaded, overloaded], [[doc('a')]]), [[0, 'refused']])
})

t.test('writes - a mongos that knows no primary of the shard has sent nothing: another try, and then surely not stored', async t => {
  const noPrimary = new MongoServerError({ message: 'Could not find host matching read preference { mode: "primary" } for set shard-a', code: 133 })
  const forEach = (...indexes: number[]): WriteReply => ({ n: 0, writeErrors: indexes.map(index => ({ index, code: 133 })) })
  t.same(await insert([noPrimary, noPrimary, noPrimary], [[doc('a')]]), [[0, 'refused']])
  t.same(await insert([forEach(0), stored], [[doc('a')], [doc('b')]]), [[1, undefined], [1, undefined]])
  t.same(await insert([forEach(0), forEach(0), forEach(0)], [[doc('a'), doc('b')]]), [[0, 'refused']])
  t.same(await insert([network, forEach(0), forEach(0)], [[doc('a')]]), [[0, 'unknown']])
  t.same(await insert([forEach(0), duplicateAt(0)], [[doc('a')]], [doc('a', 'other')]), [[0, 'exists']], 'another\'s, as at a first try')
})

t.test('writes - for want of room each document that a server names is refused, the others are stored', async t => {
  const full = (index: number): WriteReply => ({ n: 1, writeErrors: [{ index, code: 14031 }] })
  t.same(await insert([full(0)], [[doc('a')], [doc('b')]]), [[0, 'refused'], [1, undefined]])
  t.same(await insert([full(1)], [[doc('a'), doc('b'), doc('c')]]), [[1, 'refused']])
  t.same(await insert([network, full(0)], [[doc('a')]]), [[0, 'unknown']])
  for (const code of [14031, 371, 8000]) t.same(await insert([new MongoServerError({ message: 'over your space quota', code })], [[doc('a')]]), [[0, 'refused']])
  const [a, b, c] = ['a', 'b', 'c'].map(key => doc(key, 'mine', 1)) as [BsonDoc, BsonDoc, BsonDoc]
  t.same(await replace([full(0)], [[0, a], [0, b]]), ['refused', 'done'])
  t.same(await replace([full(0)], [[0, a], [0, b], [0, c]], [doc('a', 'old', 0), doc('b', 'other', 1), c]), ['refused', 'changed', 'done'])
  t.same(await replace([network, full(0)], [[0, a], [0, b]], [doc('a', 'old', 0), b]), ['unknown', 'done'])
  t.same(await replace([{ n: 1, writeErrors: [{ index: 0, code: 91 }] }], [[0, a], [0, b]], [doc('a', 'old', 0), b]), ['unknown', 'done'], 'what leaves it open is looked up')
})

t.test('insert - many or large documents are split over commands', async t => {
  const large = Array.from({ length: 300 }, (_, at) => [toBson({ key: `k${at}`, v: 0, purgeAt: null, text: 'x'.repeat(20_000) } as never)])
  const { writes, sent } = script([stored, stored, stored])
  t.ok((await insertChains(writes, 'entries', large)).every(outcome => outcome.stored === 1))
  t.equal(sent.length, 3)
  t.equal(sent.reduce((sum, command) => sum + (command.documents as unknown[]).length, 0), 300)
})

const replace = async (steps: Step[], wanted: Array<[number | undefined, BsonDoc]>, readable?: readonly Document[]): Promise<string[]> => {
  const { writes, sent } = script(steps, readable)
  const outcomes = await replaceDocs(writes, 'state', wanted.map(([was, doc]) => ({ was, doc })))
  t.equal(sent.length, steps.length, 'every command was expected')
  return outcomes
}

t.test('replace - all matched: done; none: changed; some: the tokens tell', async t => {
  const [a, b] = [doc('a', 'mine', 1), doc('b', 'mine', 1)]
  t.same(await replace([{ n: 2 }], [[0, a], [0, b]]), ['done', 'done'])
  t.same(await replace([{ n: 0 }], [[0, a], [0, b]], [a, b]), ['changed', 'changed'])
  t.same(await replace([{ n: 1 }], [[0, a], [0, b]], [doc('a', 'other', 1), b]), ['changed', 'done'])
  t.same(await replace([{ n: 1 }], [[0, a], [0, b]], [a]), ['done', 'changed'], 'an absent one has not matched')
  t.same(await replace([{ n: 1 }], [[0, a], [0, b]], [doc('a', 'other', 2), b]), ['unknown', 'done'], 'replaced since: whether ours came between cannot be told')
  t.same(await replace([duplicateAt(0)], [[undefined, doc('a')]]), ['changed'])
})

t.test('replace - after a broken connection the same is sent again', async t => {
  const a = doc('a', 'mine', 1)
  t.same(await replace([network, { n: 1 }], [[0, a]]), ['done'])
  t.same(await replace([network, { n: 0 }], [[0, a]], [a]), ['done'], 'the first try had arrived')
  t.same(await replace([network, { n: 0 }], [[0, a]], [doc('a', 'other', 1)]), ['changed'])
  t.same(await replace([network, { n: 0 }], [[0, a]], [doc('a', 'other', 5)]), ['unknown'])
  t.same(await replace([network, { n: 0 }], [[0, a]], [doc('a', 'old', 0)]), ['unknown'], 'the primary has another version, a majority not yet')
  t.same(await replace([noServer, noServer, noServer], [[0, a]]), ['refused'])
  t.same(await replace([noServer, network, noServer], [[0, a]]), ['unknown'])
  t.same(await replace([notAllowed], [[0, a]]), ['refused'])
  t.same(await replace([{ n: 1, writeConcernError: { code: 64 } }], [[0, a]], [a]), ['done'])
  t.same(await replace([{ n: 1, writeConcernError: { code: 64 } }], [[0, a]], [doc('a', 'old', 0)]), ['unknown'])
})
