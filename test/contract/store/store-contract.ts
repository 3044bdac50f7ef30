/**
 * What every adapter of the store's port must do (shared/store/store.ts), sentence by sentence. An adapter's test
 * file says how to open it. Keys start with a random owner, so that a server may be used for several runs.
 */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { createMessageId, encodeTime } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import { entriesAfter, entriesBefore, entryKey, membershipKey, membershipRange, ownerRange } from '../../../shared/store/keys.js'
import { userStream, type StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry, type ChangeDoc, type EntryDoc, type JsonDoc, type MessageDoc, type Store } from '../../../shared/store/store.js'

export interface OpenStore {
  store: Store
  /** Closes the store and opens it again on the same data. */
  reopen: () => Promise<Store>
  /** A second store on the same data, open at the same time, as another node has it; absent where there can be only one. */
  second?: () => Promise<Store>
  /** Lets the store's own deletion run at this time (ms since 1970); absent where only a real server's does it. */
  purge?: (nowMs: number) => Promise<void>
}

const hourMs = 3_600_000
const laterMs = Date.UTC(2040, 0, 1)
const freshStream = (name = 'ann'): StreamId => userStream(`${name}-${randomBytes(6).toString('hex')}`)

export function message (stream: StreamId, prev: number, seq: number, fields: Partial<MessageDoc> = {}): MessageDoc {
  return {
    key: entryKey(stream, prev), v: 0, purgeAt: laterMs, kind: 'message', seq, id: createMessageId(seq, stream), expiresAt: laterMs,
    sender: 'u:bob', category: 'general', boxes: 'inbox', recalled: 0, text: '"from":{"user":"bob"},"title":"t","boxes":["inbox"]', ...fields
  }
}
const change = (stream: StreamId, prev: number, seq: number): ChangeDoc => ({
  key: entryKey(stream, prev), v: 0, purgeAt: null, kind: 'change', seq, id: createMessageId(seq, stream), expiresAt: laterMs, text: '{"read":true}'
})
const state = (key: string, v: number, text: string): JsonDoc => ({ key, v, purgeAt: null, text })
/** A chain of `count` messages that follow `prev`. */
const chainOf = (stream: StreamId, prev: number, count: number): MessageDoc[] =>
  Array.from({ length: count }, (_, at) => message(stream, prev === 0 && at === 0 ? 0 : prev + at, prev + at + 1))
const seqs = (docs: readonly EntryDoc[]): number[] => docs.map(doc => doc.seq)

/** Names that break what was not thought through: separators of paths, subjects and queries, and text beyond 16 bits. */
const awkwardNames = [
  'a.b', 'two words', '*', '>', '$where', '$', 'a\u00a0b', '../..', '%00', "o'hara\"", '{"$gt":""}', '__proto__', 'naïve', '日本語',
  '😀', '\u{10ffff}', '\uffff', '\u2028', '🧑‍🚀'.repeat(25), 'x'.repeat(128), '\u{1f600}'.repeat(128)
]

/** `purges`: whether `open` gives a `purge`; a server that deletes in its own time is not waited for.
 * `ordersBeyond16Bits`: false for a stand-in that compares keys as UTF-16: U+E000 to U+FFFF then lie elsewhere. `appendsEach`: of each of
 * 50 writers that want the same place. */
export function storeContract (t: Test, { purges, ordersBeyond16Bits = true, appendsEach = 2 }: { purges: boolean, ordersBeyond16Bits?: boolean, appendsEach?: number }, open: (t: Test) => Promise<OpenStore>): void {
  const skip = purges ? false : 'this store deletes in its own time'
  t.test('insertChains - stores a chain and every field of its documents', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    const chain: EntryDoc[] = [
      message(stream, 0, 5, { boxes: 'both', recalled: 7, category: 'Größe', purgeAt: null }), change(stream, 5, 6),
      { ...change(stream, 6, 9), kind: 'log', text: '"all"' }
    ]
    t.same(await store.insertChains('entries', [chain]), [{ stored: 3 }])
    t.same(await store.get('entries', chain.map(doc => doc.key)), chain)
    t.same(placeOfEntry(chain[2]?.key ?? ''), { stream, prev: 6 })
  })

  t.test('insertChains - stops a chain at the first key that exists and stores nothing behind it', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    const first = message(stream, 1, 2, { text: '"first"' })
    await store.insertChains('entries', [[first]])
    const chain = [message(stream, 0, 1), message(stream, 1, 2, { text: '"second"' }), message(stream, 2, 3)]
    const [outcome] = await store.insertChains('entries', [chain])
    t.match(outcome, { stored: 1, stopped: 'exists' })
    t.same(await store.get('entries', [chain[0]?.key ?? '', first.key, chain[2]?.key ?? '']), [chain[0], first, undefined])
    const [again] = await store.insertChains('entries', [chain])
    t.match(again, { stored: 0, stopped: 'exists' })
  })

  t.test('insertChains - a stopped chain does not affect the others of the call', async t => {
    const { store } = await open(t)
    const taken = freshStream('taken')
    const [single, several, empty] = [freshStream('single'), freshStream('several'), freshStream('empty')]
    await store.insertChains('entries', [[message(taken, 0, 1)]])
    const chains = [
      [message(single, 0, 1)], [message(taken, 0, 4)], chainOf(several, 0, 3), [message(taken, 0, 5), message(taken, 5, 6)], [], [message(empty, 0, 2)]
    ]
    const outcomes = await store.insertChains('entries', chains)
    t.match(outcomes, [{ stored: 1 }, { stored: 0, stopped: 'exists' }, { stored: 3 }, { stored: 0, stopped: 'exists' }, { stored: 0 }, { stored: 1 }])
    t.same(outcomes.map(outcome => outcome.stopped), [undefined, 'exists', undefined, 'exists', undefined, undefined])
    t.same(await store.exist('entries', [entryKey(single, 0), entryKey(several, 2), entryKey(taken, 5), entryKey(empty, 0)]), [true, true, false, true])
    t.same(await store.insertChains('entries', []), [])
  })

  t.test('insertChains - of two chains with one key in the same call exactly one is stored', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    const rivals = [message(stream, 0, 1, { text: '"a"' }), message(stream, 0, 1, { text: '"b"' })]
    const outcomes = await store.insertChains('entries', rivals.map(doc => [doc]))
    t.same(outcomes.map(outcome => outcome.stored).sort(), [0, 1])
    const winner = rivals[outcomes.findIndex(outcome => outcome.stored === 1)]
    t.same(await store.get('entries', [entryKey(stream, 0)]), [winner])
  })

  t.test('insertChains - stores 1,000 documents in one call, alone and as one chain', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    const others = Array.from({ length: 1000 }, (_, at) => [message(freshStream(`n${at}`), 0, at + 1)])
    const outcomes = await store.insertChains('entries', others)
    t.ok(outcomes.every(outcome => outcome.stored === 1 && outcome.stopped === undefined))
    t.ok((await store.exist('entries', others.map(([doc]) => doc?.key ?? ''))).every(Boolean))
    t.same(await store.insertChains('entries', [chainOf(stream, 0, 1000)]), [{ stored: 1000 }])
    t.same(seqs(await store.range('entries', ownerRange(stream), { limit: 2000 })), Array.from({ length: 1000 }, (_, at) => at + 1))
  })

  t.test('insertChains - collections do not share keys', async t => {
    const { store } = await open(t)
    const doc = state(entryKey(freshStream(), 0), 0, '{}')
    t.same(await store.insertChains('state', [[doc]]), [{ stored: 1 }])
    t.same(await store.insertChains('claims', [[doc]]), [{ stored: 1 }])
    t.same(await store.exist('entries', [doc.key]), [false])
  })

  t.test('replace - inserts when the key must be absent, replaces when the version is as expected', async t => {
    const { store } = await open(t)
    const key = membershipKey(freshStream(), 'group')
    t.same(await store.replace('state', [{ was: undefined, doc: state(key, 0, '"new"') }]), ['done'])
    t.same(await store.replace('state', [{ was: undefined, doc: state(key, 0, '"newer"') }]), ['changed'])
    t.same(await store.get('state', [key]), [state(key, 0, '"new"')])
    t.same(await store.replace('state', [{ was: 0, doc: { ...state(key, 1, '"one"'), purgeAt: laterMs } }]), ['done'])
    t.same(await store.replace('state', [{ was: 0, doc: state(key, 1, '"late"') }]), ['changed'])
    t.same(await store.get('state', [key]), [{ ...state(key, 1, '"one"'), purgeAt: laterMs }])
    t.same(await store.replace('state', [{ was: 1, doc: state(key, 2, '"two"') }]), ['done'])
    t.same(await store.get('state', [key]), [state(key, 2, '"two"')], 'purgeAt is replaced too')
    t.same(await store.replace('state', [{ was: 3, doc: state(membershipKey(freshStream(), 'g'), 4, '') }]), ['changed'], 'absent is not a version')
  })

  t.test('replace - each by itself: what has changed does not stop the others', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    const [kept, moved, fresh, taken] = ['a', 'b', 'c', 'd'].map(group => membershipKey(stream, group)) as [string, string, string, string]
    await store.insertChains('state', [[state(kept, 0, '"a"')], [state(moved, 3, '"b"')], [state(taken, 0, '"d"')]])
    t.same(await store.replace('state', [
      { was: 2, doc: state(moved, 3, '"no"') }, { was: 0, doc: state(kept, 1, '"yes"') },
      { was: undefined, doc: state(taken, 0, '"no"') }, { was: undefined, doc: state(fresh, 0, '"yes"') }
    ]), ['changed', 'done', 'changed', 'done'])
    t.same((await store.get('state', [kept, moved, fresh, taken])).map(doc => doc?.text), ['"yes"', '"b"', '"yes"', '"d"'])
    t.same(await store.replace('state', []), [])
  })

  t.test('replace - of many at once on one version exactly one is done', async t => {
    const opened = await open(t)
    const stores = [opened.store, ...(opened.second === undefined ? [] : [await opened.second()])]
    const key = membershipKey(freshStream(), 'group')
    await opened.store.insertChains('state', [[state(key, 0, '')]])
    for (let v = 1; v <= 5; v++) {
      const outcomes = await Promise.all(Array.from({ length: 10 }, async (_, writer) => {
        const store = stores[writer % stores.length] as Store
        return (await store.replace('state', [{ was: v - 1, doc: state(key, v, `"${v} ${writer}"`) }]))[0]
      }))
      t.same(outcomes.filter(outcome => outcome === 'done').length, 1, `version ${v}`)
      t.same(outcomes.filter(outcome => outcome === 'changed').length, 9)
      t.match((await opened.store.get('state', [key]))[0], { v, text: `"${v} ${outcomes.indexOf('done')}"` })
    }
  })

  t.test('replace - of many inserts of one absent key exactly one is done', async t => {
    const { store } = await open(t)
    const key = membershipKey(freshStream(), 'group')
    const outcomes = await Promise.all(Array.from({ length: 8 }, async (_, writer) => (await store.replace('state', [{ was: undefined, doc: state(key, 0, `"${writer}"`) }]))[0]))
    t.same([...outcomes].sort(), ['changed', 'changed', 'changed', 'changed', 'changed', 'changed', 'changed', 'done'])
    t.match((await store.get('state', [key]))[0], { text: `"${outcomes.indexOf('done')}"` })
  })

  t.test('get, exist - answer in the order asked, absent and repeated keys too', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    const docs = chainOf(stream, 0, 3)
    await store.insertChains('entries', [docs])
    const keys = [2, 7, 0, 1, 0].map(prev => entryKey(stream, prev))
    t.same(await store.get('entries', keys), [docs[2], undefined, docs[0], docs[1], docs[0]])
    t.same(await store.exist('entries', keys), [true, false, true, true, true])
    t.same(await Promise.all([store.exist('entries', keys.slice(0, 2)), store.exist('entries', keys.slice(1)), store.exist('state', keys)]),
      [[true, false], [false, true, true, true], [false, false, false, false, false]], 'questions of one tick are kept apart')
    t.same(await store.get('entries', []), [])
    t.same(await store.exist('entries', []), [])
  })

  t.test('range - ascending and descending, bounds: from is in, to is not', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    await store.insertChains('entries', [chainOf(stream, 0, 10)])
    const whole = ownerRange(stream)
    const read = async (from: number, to: number, limit: number, reverse = false): Promise<number[]> =>
      seqs(await store.range('entries', { from: entryKey(stream, from), to: entryKey(stream, to) }, { limit, reverse }))
    t.same(await read(3, 6, 100), [4, 5, 6])
    t.same(await read(3, 6, 100, true), [6, 5, 4])
    t.same(await read(3, 6, 2), [4, 5])
    t.same(await read(3, 6, 2, true), [6, 5])
    t.same(await read(6, 3, 5), [])
    t.same(await read(6, 3, 5, true), [])
    t.same(await read(4, 4, 5), [])
    t.same(await read(0, 10, 0), [])
    t.same(seqs(await store.range('entries', entriesAfter(stream, 8), { limit: 5 })), [9, 10])
    t.same(seqs(await store.range('entries', entriesBefore(stream, 4), { limit: 1, reverse: true })), [4])
    t.same(seqs(await store.range('entries', whole, { limit: 1, reverse: true })), [10])
    t.same(await store.range('entries', ownerRange(freshStream()), { limit: 5 }), [])
    t.same(await store.range('entries', ownerRange(freshStream()), { limit: 5, reverse: true }), [])
    t.same(seqs(await store.range('entries', { from: entryKey(stream, 4) + '\0', to: whole.to }, { limit: 1 })), [6], 'NUL in a bound')
  })

  t.test('ranges - ascending over all of them, at most the limit in all', async t => {
    const { store } = await open(t)
    const streams = [freshStream('a'), freshStream('b'), freshStream('c')].sort((a, b) => Buffer.compare(Buffer.from(entryKey(a, 0)), Buffer.from(entryKey(b, 0))))
    const [one, two, three] = streams as [StreamId, StreamId, StreamId]
    await store.insertChains('entries', [chainOf(one, 0, 4), chainOf(two, 10, 4), chainOf(three, 20, 4)])
    const asked = [ownerRange(three), entriesAfter(one, 2), { from: entryKey(two, 11), to: entryKey(two, 13) }, ownerRange(freshStream())]
    t.same(seqs(await store.ranges('entries', asked, { limit: 100 })), [3, 4, 12, 13, 21, 22, 23, 24])
    t.same(seqs(await store.ranges('entries', asked, { limit: 5 })), [3, 4, 12, 13, 21])
    t.same(seqs(await store.ranges('entries', [{ from: entryKey(one, 0), to: entryKey(one, 1) }, { from: entryKey(one, 2), to: entryKey(one, 9) }], { limit: 9 })), [1, 3, 4])
    t.same(await store.ranges('entries', asked, { limit: 0 }), [])
    t.same(await store.ranges('entries', [], { limit: 5 }), [])
  })

  t.test('ranges - many at once', async t => {
    const { store } = await open(t)
    const streams = Array.from({ length: 120 }, (_, at) => freshStream(`g${at}`))
    await store.insertChains('entries', streams.map(stream => chainOf(stream, 0, 2)))
    const docs = await store.ranges('entries', streams.map(stream => entriesAfter(stream, 1)), { limit: 500 })
    t.same(docs.length, 120)
    t.same(docs.map(doc => doc.key), streams.map(stream => entryKey(stream, 1)).sort())
  })

  t.test('lasts - the last document of each range, in the order asked', async t => {
    const { store } = await open(t)
    const [one, two, empty] = [freshStream(), freshStream(), freshStream()]
    await store.insertChains('entries', [chainOf(one, 0, 6), chainOf(two, 4, 2)])
    const asked = [ownerRange(two), ownerRange(empty), ownerRange(one), entriesBefore(one, 3), ownerRange(two), { from: entryKey(two, 9), to: entryKey(two, 1) }]
    t.same((await store.lasts('entries', asked)).map(doc => doc?.seq), [6, undefined, 6, 3, 6, undefined])
    t.same(await store.lasts('entries', []), [])
    const many = Array.from({ length: 70 }, (_, at) => freshStream(`m${at}`))
    await store.insertChains('entries', many.map((stream, at) => chainOf(stream, at, 3)))
    t.same((await store.lasts('entries', many.map(ownerRange))).map(doc => doc?.seq), many.map((_, at) => at + 3))
  })

  t.test('remove - the named keys and no others', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    await store.insertChains('entries', [chainOf(stream, 0, 3)])
    await store.remove('entries', [entryKey(stream, 1), entryKey(stream, 77)])
    t.same(seqs(await store.range('entries', ownerRange(stream), { limit: 9 })), [1, 3])
    t.same(await store.insertChains('entries', [[message(stream, 1, 2)]]), [{ stored: 1 }], 'a removed key is free')
    await store.remove('entries', [])
  })

  t.test('keys - awkward names keep their documents apart, in owners and in rests', async t => {
    const { store } = await open(t)
    const salt = randomBytes(4).toString('hex')
    const names = awkwardNames.filter(name => ordersBeyond16Bits || !/[\ue000-\uffff]/.test(name)).map(name => [...name].length > 100 ? name : name + salt)
    const streams = names.map(userStream)
    await store.remove('entries', streams.flatMap(stream => [0, 1].map(prev => entryKey(stream, prev))))
    t.ok((await store.insertChains('entries', streams.map(stream => chainOf(stream, 0, 2)))).every(outcome => outcome.stored === 2))
    for (const stream of streams) {
      const docs = await store.range('entries', ownerRange(stream), { limit: 10 })
      t.same(docs.map(doc => placeOfEntry(doc.key)), [{ stream, prev: 0 }, { stream, prev: 1 }])
    }
    const owner = freshStream('\u{1f600}'.repeat(100))
    const members = names.map(name => state(membershipKey(owner, name), 0, JSON.stringify(name)))
    t.ok((await store.insertChains('state', members.map(doc => [doc]))).every(outcome => outcome.stored === 1))
    t.ok(Math.max(...members.map(doc => Buffer.byteLength(doc.key))) > 900, 'long keys are among them')
    const listed = await store.range('state', membershipRange(owner), { limit: 100 })
    const inByteOrder = [...members].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
    t.same(listed.map(doc => doc.text), inByteOrder.map(doc => doc.text), 'ordered by their UTF-8 bytes')
    t.same((await store.range('state', membershipRange(owner), { limit: 100, reverse: true })).map(doc => doc.key), inByteOrder.map(doc => doc.key).reverse())
    for (const [at, { text }] of inByteOrder.entries()) {
      const next = await store.range('state', membershipRange(owner, JSON.parse(text) as string), { limit: 1 })
      t.same(next[0]?.key, inByteOrder[at + 1]?.key, 'a page starts after its cursor')
    }
  })

  t.test('keys - of 1,100 bytes are stored', async t => {
    const { store } = await open(t)
    const doc = state(randomBytes(6).toString('hex') + '\t' + 'k'.repeat(1087), 0, '"long"')
    t.same(Buffer.byteLength(doc.key), 1100)
    t.same(await store.insertChains('claims', [[doc]]), [{ stored: 1 }])
    t.same(await store.get('claims', [doc.key]), [doc])
    t.same(await store.replace('claims', [{ was: 0, doc: { ...doc, v: 1, purgeAt: laterMs } }]), ['done'])
  })

  t.test('documents - 64 KiB of text, and text of every kind, come back as they were', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    const hostile = [
      'x'.repeat(65_536), '😀'.repeat(16_384), JSON.stringify('\0\u0001\u2028\ud800"\\'), '{"$where":"1","__proto__":{"a":1},"a.b":{"$gt":""}}',
      '['.repeat(5000) + ']'.repeat(5000), '', '\u0000', '\ufeff', '\\'.repeat(3000)
    ]
    const chain = hostile.map((text, at) => message(stream, at, at + 1, { text, sender: 'p:$set', category: 'a.b' }))
    t.same(await store.insertChains('entries', [chain]), [{ stored: hostile.length }])
    t.same((await store.range('entries', ownerRange(stream), { limit: 50 })).map(doc => doc.text), hostile)
    t.same(await store.get('entries', chain.map(doc => doc.key)), chain)
  })

  t.test('documents - numbers keep their value up to 2^53', async t => {
    const { store } = await open(t)
    const stream = freshStream()
    const doc = message(stream, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER, { recalled: 2 ** 52 + 1, expiresAt: 2_147_483_648, v: 2 ** 31, purgeAt: 253_402_300_799_999 })
    await store.insertChains('entries', [[doc]])
    const [read] = await store.get('entries', [doc.key])
    t.strictSame(read, doc)
    t.same(await store.replace('entries', [{ was: 2 ** 31, doc: { ...doc, v: 2 ** 31 + 1 } }]), ['done'])
  })

  t.test('durability - what was answered is there after closing and opening again', async t => {
    const { store, reopen } = await open(t)
    const stream = freshStream()
    const key = membershipKey(stream, 'g')
    await store.insertChains('entries', [chainOf(stream, 0, 20)])
    await store.replace('state', [{ was: undefined, doc: state(key, 0, '0') }])
    await store.replace('state', [{ was: 0, doc: state(key, 1, '1') }])
    const after = await reopen()
    t.same(seqs(await after.range('entries', ownerRange(stream), { limit: 50 })).length, 20)
    t.same(await after.get('state', [key]), [state(key, 1, '1')])
    t.match((await after.insertChains('entries', [[message(stream, 19, 33)]]))[0], { stored: 0, stopped: 'exists' })
  })

  t.test('close - is idempotent and waits for what is under way', async t => {
    const { store, reopen } = await open(t)
    const stream = freshStream()
    const writing = store.insertChains('entries', [chainOf(stream, 0, 5)])
    await Promise.all([store.close(), store.close()])
    t.same(await writing, [{ stored: 5 }])
    await t.rejects(store.get('entries', [entryKey(stream, 0)]), { code: 'GP_STORE_UNAVAILABLE' })
    t.match(await store.insertChains('entries', [chainOf(stream, 5, 1)]), [{ stored: 0, stopped: 'refused' }])
    t.same(await store.replace('entries', [{ was: 0, doc: message(stream, 0, 1, { v: 1 }) }]), ['refused'])
    await t.rejects(store.remove('entries', [entryKey(stream, 0)]), GatepostError)
    t.equal(store.status().reachable, false)
    const after = await reopen()
    t.same(seqs(await after.range('entries', ownerRange(stream), { limit: 50 })), [1, 2, 3, 4, 5])
  })

  t.test('status, timeMs - a reachable store and its time', async t => {
    const { store } = await open(t)
    const status = store.status()
    t.equal(status.reachable, true)
    t.ok(['lmdb', 'mongodb'].includes(status.kind))
    t.ok(status.notes.every(note => typeof note === 'string'))
    t.ok(Math.abs(await store.timeMs() - Date.now()) < 60_000)
  })

  t.test('chain - 50 writers keep one stream unbroken, and no reader passes a hole', async t => {
    const opened = await open(t)
    const stores = [opened.store, ...(opened.second === undefined ? [] : [await opened.second()])]
    const stream = freshStream()
    const writers = 50
    let head = 0
    let isDone = false
    const append = async (writer: number): Promise<void> => {
      const store = stores[writer % stores.length] as Store
      for (let count = 0; count < appendsEach;) {
        const [outcome] = await store.insertChains('entries', [[message(stream, head, head + 1, { text: `"${writer}"` })]])
        if (outcome?.stored === 1) count++
        else if (outcome?.stopped !== 'exists') throw new Error(`outcome ${outcome?.stopped ?? 'none'}`)
        const [last] = await store.lasts('entries', [ownerRange(stream)])
        head = Math.max(head, last?.seq ?? 0)
      }
    }
    const follow = async (): Promise<number[]> => {
      const seen: number[] = []
      const store = stores.at(-1) as Store
      for (;;) {
        const wasDone = isDone
        const docs = await store.range('entries', entriesAfter(stream, seen.at(-1) ?? 0), { limit: 1000 })
        for (const doc of docs) {
          if (placeOfEntry(doc.key).prev !== (seen.at(-1) ?? 0)) throw new Error(`a hole before ${doc.seq}`)
          seen.push(doc.seq)
        }
        if (wasDone && docs.length === 0) return seen
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    const following = follow()
    await Promise.all(Array.from({ length: writers }, async (_, writer) => await append(writer)))
    isDone = true
    const seen = await following
    t.equal(seen.length, writers * appendsEach)
    t.equal(seen.at(-1), writers * appendsEach, 'each seq once, none missing')
    const counts = new Map<string, number>()
    for (let after = 0; after < seen.length; after += 1000) {
      for (const doc of await opened.store.range('entries', entriesAfter(stream, after), { limit: 1000 })) counts.set(doc.text, (counts.get(doc.text) ?? 0) + 1)
    }
    t.same([...counts.values()], Array.from({ length: writers }, () => appendsEach), 'every acknowledged append is there, no other')
  })

  t.test('purge - deletes what is due, keeps what was prolonged and what has no purgeAt', { skip }, async t => {
    const { store, purge } = await open(t)
    if (purge === undefined) throw new Error('no purge')
    const stream = freshStream()
    const at = Date.now() + hourMs
    const [due, extended, forever, later, shortened] = [0, 1, 2, 3, 4].map(prev => message(stream, prev, prev + 1, { purgeAt: [at, at, null, at + hourMs, at + 9 * hourMs][prev] ?? null })) as [MessageDoc, MessageDoc, MessageDoc, MessageDoc, MessageDoc]
    await store.insertChains('entries', [[due, extended, forever, later, shortened]])
    await store.replace('entries', [
      { was: 0, doc: { ...extended, v: 1, purgeAt: at + 5 * hourMs } }, { was: 0, doc: { ...shortened, v: 1, purgeAt: at } }
    ])
    await purge(at - 1)
    t.same(seqs(await store.range('entries', ownerRange(stream), { limit: 9 })), [1, 2, 3, 4, 5], 'nothing is due yet')
    await purge(at)
    t.same(seqs(await store.range('entries', ownerRange(stream), { limit: 9 })), [2, 3, 4])
    await purge(at + 2 * hourMs)
    t.same(seqs(await store.range('entries', ownerRange(stream), { limit: 9 })), [2, 3])
    await store.replace('entries', [{ was: 1, doc: { ...extended, v: 2, purgeAt: null } }])
    await purge(at + 100 * hourMs)
    t.same(seqs(await store.range('entries', ownerRange(stream), { limit: 9 })), [2, 3], 'prolonged for ever')
    t.same(await store.insertChains('entries', [[due]]), [{ stored: 1 }], 'a purged key is free')
    await purge(at + 101 * hourMs)
    t.same(await store.exist('entries', [due.key]), [false])
  })

  t.test('purge - more than one batch, in every collection', { skip }, async t => {
    const { store, purge } = await open(t)
    if (purge === undefined) throw new Error('no purge')
    const stream = freshStream()
    const at = Date.now() + hourMs
    const docs = Array.from({ length: 1300 }, (_, count) => ({ ...state(membershipKey(stream, encodeTime(count)), 0, ''), purgeAt: at + count }))
    await store.insertChains('state', docs.map(doc => [doc]))
    await store.insertChains('claims', docs.map(doc => [doc]))
    await purge(at + 1199)
    for (const collection of ['state', 'claims'] as const) {
      t.same((await store.range(collection, ownerRange(stream), { limit: 2000 })).map(doc => doc.purgeAt), docs.slice(1200).map(doc => doc.purgeAt))
    }
  })
}
