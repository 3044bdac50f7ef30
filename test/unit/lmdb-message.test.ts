/** Messages in a data folder of form 2: what is left out comes back, whatever the message is. */
import { open } from 'lmdb'
import t from 'tap'
import { messageTexts, type From } from '../../services/notifications/log/entry.js'
import type { Action } from '../../shared/contract/action.js'
import { createIsoTime, createMessageId, fromMs, timeOfId, toMs } from '../../shared/contract/clock.js'
import { homeOf, receiversOf } from '../../shared/contract/target.js'
import type { Target } from '../../shared/contract/message.js'
import { userStream, type StreamId } from '../../shared/contract/names.js'
import { entryKey } from '../../shared/store/keys.js'
import { docEncoding, keyEncoder, packDoc, purgeAtOf, unpackDoc, versionOf, type PackedDoc } from '../../shared/store/lmdb-encoding.js'
import type { FolderForm } from '../../shared/store/lmdb-form.js'
import { messageShape, packMessage } from '../../shared/store/lmdb-message.js'
import type { MessageDoc } from '../../shared/store/store.js'
import { openTestLmdb, tempDir } from '../helpers/lmdb-store.js'

const root = open({ path: tempDir(t) })
const docs = root.openDB({ name: 'docs', keyEncoder, ...docEncoding } as never)
t.teardown(async () => { await root.close() })

const createdMs = Date.UTC(2026, 4, 6, 7, 8, 9, 10)
const monthMs = 30 * 86_400_000

interface Parts {
  readonly from?: From
  readonly to?: Target
  readonly stream?: StreamId
  readonly category?: string
  readonly title?: string | null
  readonly body?: string | null
  readonly data?: unknown
  readonly boxes?: MessageDoc['boxes']
  readonly url?: string
  readonly actions?: readonly Action[]
  readonly purgeLaterMs?: number
  readonly seqLater?: number
  /** Made so much later. */
  readonly laterMs?: number
  readonly ttlMs?: number
}

/** As it is posted. */
function posted ({ from = { producer: 'shop' }, to = { user: 'ann' }, stream, category = 'general', title = 'Hello', body = 'how are you', data = null, boxes = 'inbox', url, actions, purgeLaterMs = 0, seqLater = 1, laterMs = 0, ttlMs = monthMs }: Parts): MessageDoc {
  const id = createMessageId(fromMs(createdMs + laterMs) + 77, homeOf(to))
  const expiresAt = createdMs + laterMs + ttlMs
  const texts = messageTexts({ from, title, body, data, category, createdAt: new Date(createdMs + laterMs).toISOString(), expiresAtMs: expiresAt, url, actions })
  const sender = 'user' in from ? `u:${from.user}` : `p:${from.producer}`
  return {
    key: entryKey(stream ?? receiversOf(to)[0]!.stream, fromMs(createdMs)), v: 0, purgeAt: expiresAt + purgeLaterMs, kind: 'message', seq: timeOfId(id) + seqLater, id, expiresAt,
    sender, category, boxes, recalled: 0, text: texts.of(to, boxes)
  }
}

/** As it comes back from the disk. */
function stored (doc: MessageDoc, form: FolderForm = 2): { bytes: number, packed: PackedDoc, read: MessageDoc } {
  docs.putSync(doc.key, packDoc(doc, form))
  const packed = docs.get(doc.key) as unknown as PackedDoc
  return { bytes: docs.getBinary(doc.key)!.length, packed, read: unpackDoc<MessageDoc>(doc.key, packed) }
}

const odd = 'a"},"to":{"user":"b\\ 😀 \u2028'
const endOfAnother = ',"category":"general","createdAt":"2026-05-06T07:08:09.010Z","expiresAt":"2026-06-05T07:08:09.010Z","boxes":["inbox"]'

t.test('messages - what is posted comes back as it was, without what it repeats', async t => {
  const cases: Record<string, { doc: MessageDoc, middle: string, rest?: string }> = {
    'of a producer to a user': { doc: posted({ data: { n: 1 } }), middle: '"Hello","body":"how are you","data":{"n":1}' },
    'of a user to a user': { doc: posted({ from: { user: 'bob' } }), middle: '"Hello","body":"how are you","data":null' },
    'a copy of its sender': { doc: posted({ from: { user: 'bob' }, stream: userStream('bob'), boxes: 'sent' }), middle: '{"user":"ann"},"title":"Hello","body":"how are you","data":null' },
    'to oneself': { doc: posted({ from: { user: 'ann' }, boxes: 'both' }), middle: '"Hello","body":"how are you","data":null' },
    'to a group': { doc: posted({ to: { group: 'team' }, category: 'news' }), middle: '"Hello","body":"how are you","data":null' },
    'to all': { doc: posted({ to: { all: true } }), middle: '"Hello","body":"how are you","data":null' },
    'of a sender with a profile': { doc: posted({ from: { user: 'bob', name: 'Bob', picture: null } }), middle: '"from":{"user":"bob","name":"Bob","picture":null},"to":{"user":"ann"},"title":"Hello","body":"how are you","data":null' },
    'with a link': { doc: posted({ url: 'https://example.com/' }), middle: '"Hello","body":"how are you","data":null', rest: ',"url":"https://example.com/","actions":null' },
    'with odd names': { doc: posted({ from: { user: odd }, to: { user: odd }, category: odd, title: odd, body: odd }), middle: `${JSON.stringify(odd)},"body":${JSON.stringify(odd)},"data":null` },
    'with the end of another in its data': { doc: posted({ title: null, body: null, data: { a: JSON.parse(`{${endOfAnother.slice(1)}}`) as unknown } }), middle: `null,"body":null,"data":{"a":{${endOfAnother.slice(1)}}}` },
    'that is deleted later than it expires': { doc: posted({ purgeLaterMs: 1234, seqLater: 2 ** 40 }), middle: '"Hello","body":"how are you","data":null' }
  }
  for (const [name, { doc, middle, rest }] of Object.entries(cases)) {
    const { packed, read } = stored(doc)
    t.strictSame(read, doc, name)
    t.equal(packed[0], messageShape, name)
    t.strictSame(packed.slice(10), rest === undefined ? [middle] : [middle, rest], name)
    t.same([versionOf(packed), purgeAtOf(packed)], [doc.v, doc.purgeAt], name)
  }
})

t.test('messages - any text comes back, whether it fits the other fields or not', async t => {
  const doc = posted({})
  const others: MessageDoc[] = [
    { ...doc, text: '' },
    { ...doc, text: doc.text + doc.text },
    { ...doc, text: endOfAnother + doc.text + endOfAnother },
    { ...doc, text: endOfAnother },
    { ...doc, text: doc.text.slice(1) },
    { ...doc, text: '"from":{"producer":"shop"},"to":' + endOfAnother },
    { ...doc, expiresAt: doc.expiresAt + 1 },
    { ...doc, purgeAt: doc.expiresAt - 1, v: 5, recalled: doc.seq + 3 },
    { ...doc, category: '' },
    { ...doc, sender: 'p:' },
    { ...doc, key: entryKey('all' as StreamId, 5) },
    { ...doc, seq: doc.seq - 5000 },
    { ...doc, id: '00000000000' + doc.id.slice(11) }
  ]
  for (const other of others) t.strictSame(stored(other).read, other)
})

t.test('messages - what is read between others is as it was', async t => {
  const docs = [posted({}), posted({ laterMs: 1 }), posted({ category: 'news' }), posted({ laterMs: 60_000, ttlMs: monthMs - 60_000 }), posted({ boxes: 'both' }), posted({ ttlMs: 1_000 }), posted({ from: { user: 'bob' } }), posted({ to: { user: 'bob' } })]
  const all = docs.map(doc => stored(doc).packed)
  for (const packed of all) t.equal(packed.length, 11, 'cut at its end')
  for (const [one, packed] of all.entries()) {
    for (const [other, between] of all.entries()) {
      unpackDoc(docs[other]!.key, between)
      t.strictSame(unpackDoc(docs[one]!.key, packed), docs[one])
    }
  }
})

t.test('messages - what has no place in the shape is stored as before', async t => {
  const doc = posted({})
  const others: MessageDoc[] = [
    { ...doc, purgeAt: null },
    { ...doc, id: 'i' },
    { ...doc, seq: 1.5 },
    { ...doc, expiresAt: Infinity },
    { ...doc, expiresAt: 9e15, purgeAt: 9e15 },
    { ...doc, id: 'zzzzzzzzzzz' + doc.id.slice(11) },
    { ...doc, boxes: 'attic' as 'inbox' }
  ]
  for (const other of others) {
    t.equal(packMessage(other), undefined)
    const { packed, read } = stored(other)
    t.equal(packed[0], 1)
    t.strictSame(read, other)
  }
  const more = { ...doc, later: 1 }
  t.strictSame(stored(more).read, more, 'a field that this build does not know')
})

t.test('messages - what one takes on the disk besides what was said in it', async t => {
  const said = { title: 'Hello', body: 'x'.repeat(180), data: { n: 1 } }
  const { bytes } = stored(posted(said))
  const ofIt = said.body.length + said.title.length + JSON.stringify(said.data).length
  t.comment(`${bytes} bytes, ${stored(posted(said), 1).bytes} in form 1`)
  t.ok(bytes - ofIt <= 90, 'names of fields, id, times, sender')
})

t.test('messages - the folder says how they are written, and both are read from either', async t => {
  const doc = posted({})
  const shapeOf = async (dir: string, key: string): Promise<number> => {
    const root = open({ path: `${dir}/store`, noSubdir: false, maxDbs: 6 })
    const [shape] = root.openDB({ name: 'entries', keyEncoder, ...docEncoding } as never).get(key) as unknown as PackedDoc
    await root.close()
    return shape
  }
  const setForm = async (dir: string, form: number | undefined): Promise<void> => {
    const root = open({ path: `${dir}/store`, noSubdir: false, maxDbs: 6 })
    await (form === undefined ? root.remove('form') : root.put('form', form))
    await root.close()
  }

  const { dir, ...made } = await openTestLmdb(t)
  await made.insertChains('entries', [[doc]])
  await made.close()
  t.equal(await shapeOf(dir, doc.key), messageShape, 'a folder that this build has made')

  for (const [of, form] of [['of form 1', 1], ['of the build before forms, which has none', undefined]] as const) {
    await setForm(dir, form)
    const again = await openTestLmdb(t, { dir })
    const next: MessageDoc = { ...doc, key: entryKey(userStream('ann'), doc.seq + (form ?? 2)), seq: doc.seq + (form ?? 2) + 1 }
    await again.insertChains('entries', [[next]])
    t.strictSame(await again.get('entries', [doc.key, next.key]), [doc, next])
    await again.close()
    t.equal(await shapeOf(dir, next.key), 1, `a folder ${of}`)
  }
})

t.test('times - are written as Date writes them', async t => {
  const write = createIsoTime()
  const random = Array.from({ length: 2_000 }, () => Math.floor((Math.random() * 2 - 1) * 8.64e15))
  for (const ms of [0, -1, 1, 999, 59_999, 60_000, 86_399_999, 86_400_000, -86_400_000, -86_400_001, createdMs, 8.64e15, -8.64e15, 1.7, -1.7, toMs(fromMs(createdMs)), ...random]) t.equal(write(ms), new Date(ms).toISOString())
  for (const none of [NaN, Infinity, 8.64e15 + 86_400_000]) t.throws(() => createIsoTime()(none), RangeError)
})
