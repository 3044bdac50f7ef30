/** Form 2 of entries: what the node leaves out, the client library puts back, to the letter. */
import fc from 'fast-check'
import t from 'tap'
import { createMessageId, fromMs, ticksPerMs } from '../../../shared/contract/clock.js'
import { allStream, groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../../shared/contract/names.js'
import { entryKey } from '../../../shared/store/keys.js'
import type { EntryDoc, MessageDoc } from '../../../shared/store/store.js'
import type { StoredChange } from '../../../services/notifications/log/change.js'
import { messageTexts, placeEntry, untouched, volatileWire, type Flags, type From } from '../../../services/notifications/log/entry.js'
import { wholeForm } from '../../../services/notifications/log/entry-form.js'
import { erasedDoc } from '../../../services/notifications/log/erase.js'
import { dayMs } from '../../helpers/entry-drafts.js'
import { compactForm, entriesIn, entriesOfAnswer } from '../../helpers/forms.js'

const bornMs = Date.UTC(2026, 10, 30, 12)
/** Texts that look like parts of an entry. */
const text = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom(
  'null', 'general', '},"to":', '"},"to":{', '","', ',"title":', '"title":null', ',"body":', ',"data":', ',"category":', '"category":"x","createdAt":"', ',"expiresAt":null',
  ',"boxes":[', '"boxes":["inbox"]', '["inbox"]', ',"picture":null', ',"url":null', '\\', '"', '\\"', '李 👀', '__proto__'
))
const data = fc.oneof(text, fc.constantFrom<unknown>(null, 0, false, [], {}, { data: null }, { category: 'x', createdAt: 'y', expiresAt: null, boxes: ['inbox'] }, { to: { all: true }, title: null, body: null }), fc.jsonValue({ maxDepth: 3 }))
const given = <T> (value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const name = text.filter(text => text !== '')
const stream = fc.oneof(fc.constant(allStream), name.map(name => groupStream(name as GroupId)), name.map(name => userStream(name as UserId)))
const ttlMs = fc.oneof(fc.constant(30 * dayMs), fc.nat(10 * 365 * 86_400).map(s => s * 1000), fc.nat(1e9))

const message = fc.record({
  sender: name,
  isUser: fc.boolean(),
  profile: given(fc.record({ name: fc.option(text), picture: fc.option(text) })),
  to: fc.oneof(fc.constant('its own'), fc.constantFrom<object>({ all: true }, { group: 'g' }, { user: 'u' }), fc.array(name, { maxLength: 3 }).map(users => ({ users }))),
  title: fc.option(text),
  body: fc.option(text),
  data,
  category: fc.oneof(fc.constant('general'), name),
  ttlMs,
  isLate: fc.boolean(),
  url: given(text),
  actions: given(fc.array(fc.record({ id: text, label: text, url: text }, { requiredKeys: ['id', 'label'] }), { maxLength: 3 })),
  boxes: fc.constantFrom('inbox', 'sent', 'both'),
  isRecalled: fc.boolean(),
  flags: given(fc.record<Flags>({ read: fc.boolean(), archived: fc.boolean(), acted: given(text) }))
})
type Message = typeof message extends fc.Arbitrary<infer M> ? M : never

const targetOf = (stream: StreamId): object => stream === allStream ? { all: true } : stream.startsWith('g:') ? { group: stream.slice(2) } : { user: stream.slice(2) }

const idOf = createMessageId(fromMs(bornMs) + ticksPerMs - 1, allStream)

function textsOf ({ sender, isUser, profile, title, body, data, category, ttlMs, isLate, url, actions }: Message, expires = true): ReturnType<typeof messageTexts> {
  const from: From = isUser ? { user: sender, ...profile } : { producer: sender, ...profile }
  const createdAt = new Date(isLate ? bornMs - 5 : bornMs).toISOString()
  return messageTexts({ from, title, body, data, category, createdAt, expiresAtMs: expires ? bornMs + ttlMs : undefined, url, actions })
}

function docOf (message: Message, stream: StreamId, prev: number, seq: number): MessageDoc {
  const { to, category, boxes, isRecalled } = message
  const stored = textsOf(message).of(to === 'its own' ? targetOf(stream) : to, boxes)
  const doc = placeEntry({ kind: 'message', id: idOf, sender: 'u:x', category, boxes, recalled: 0, expiresAt: 0, text: stored }, entryKey(stream, prev), seq, null) as MessageDoc
  return isRecalled ? erasedDoc(doc, seq + 1) : doc
}

const change = fc.oneof<Array<fc.Arbitrary<StoredChange>>>(
  fc.record({ type: fc.constant('mark'), messages: fc.array(name.map(id => ({ id, stream: allStream, seq: 1, category: 'c', expiresAt: 5 }))), read: fc.boolean(), archived: fc.boolean(), deleted: fc.constant(true), acted: text }, { requiredKeys: ['type', 'messages'] }) as fc.Arbitrary<StoredChange>,
  fc.record({ type: fc.constant('readTo'), readTo: fc.dictionary(name, fc.nat()), category: name }, { requiredKeys: ['type', 'readTo'] }) as fc.Arbitrary<StoredChange>,
  fc.record({ type: fc.constant('recall'), message: fc.constant({ id: 'm', stream: allStream, seq: 1, category: 'c', expiresAt: 5 }), sender: name }) as fc.Arbitrary<StoredChange>,
  fc.record({ type: fc.constant('membership'), group: name, joined: fc.boolean(), after: fc.nat() }, { requiredKeys: ['type', 'group', 'joined'] }) as fc.Arbitrary<StoredChange>
)

/** One entry after the other; `isNew`: all before it has expired. */
const entry = fc.record({ what: fc.oneof({ weight: 3, arbitrary: message.map(message => ({ message })) }, change.map(change => ({ change })), fc.constant('gone' as const), fc.constant('log' as const)), grows: fc.integer({ min: 1, max: 2 ** 40 }), isNew: fc.boolean() })

const same = (got: unknown, wanted: unknown): void => {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) throw new Error(`got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`)
}

t.test('compact entries - whatever an entry is, a reader has it again to the letter, one or several in a burst', async t => {
  fc.assert(fc.property(stream, fc.array(entry, { minLength: 1, maxLength: 4 }), fc.nat(2 ** 50), (stream, entries, first) => {
    let at = first
    let start: number | undefined
    const wires = entries.map(({ what, grows, isNew }, i) => {
      const prev = isNew ? 0 : at
      at += grows
      start ??= prev
      const rest = { id: 'x', expiresAt: 0 }
      if (what === 'gone') return [wholeForm, compactForm].map(form => form.gone(stream, prev, at))
      const doc: EntryDoc = what === 'log'
        ? placeEntry({ ...rest, kind: 'log', text: '{}' }, entryKey(stream, prev), at, null)
        : 'change' in what
          ? placeEntry({ ...rest, kind: 'change', text: JSON.stringify(what.change) }, entryKey(stream, prev), at, null)
          : docOf(what.message, stream, prev, at)
      const flags = typeof what === 'object' && 'message' in what ? what.message.flags : undefined
      return [wholeForm, compactForm].map(form => form.entry(doc, stream, prev, flags))
    })
    const bursts = [0, 1].map(form => ({ stream, prev: start!, wires: wires.map(both => both[form]!) }))
    const wholeEntries = JSON.parse(wholeForm.burst(bursts[0]!)) as object[]
    same(entriesIn(JSON.parse(`[${compactForm.burst(bursts[1]!)}]`) as unknown[]), wholeEntries)
    const answer = { heads: {}, more: false }
    same(entriesOfAnswer({ ...compactForm.page([bursts[1]!, bursts[1]!]), ...answer }), entriesOfAnswer({ ...wholeForm.page([bursts[0]!, bursts[0]!]), ...answer }))
  }), { numRuns: 2_000 })
  t.pass()
})

t.test('compact entries - a volatile message too, of this version and of the one before', async t => {
  fc.assert(fc.property(message, fc.boolean(), fc.boolean(), (message, expires, isFormer) => {
    const text = textsOf(message, expires).of({ topic: 'x', match: 'exact' }, 'inbox')
    const wire = isFormer ? `{"type":"message","id":"${idOf}",${text},"read":false,"archived":false,"recalled":false}` : volatileWire(idOf, text)
    // What the one before knows nothing of is null.
    same(entriesIn(JSON.parse(`[${compactForm.volatile(wire)}]`) as unknown[]), [JSON.parse(volatileWire(idOf, text))])
  }), { numRuns: 1_000 })
  const later = volatileWire(idOf, '"later":1')
  t.equal(compactForm.volatile(later), `null,0,[${later}]`, 'of a later one it is left as it is')
})

t.test('compact entries - what follows from something else is not sent; of a text in another order all is', async t => {
  const texts = messageTexts({ from: { producer: 'shop' }, title: null, body: 'Hello', data: null, category: 'general', createdAt: new Date(bornMs).toISOString(), expiresAtMs: bornMs + 30 * dayMs, url: undefined, actions: undefined })
  const doc = placeEntry({ kind: 'message', id: idOf, sender: 'p:shop', category: 'general', boxes: 'inbox', recalled: 0, expiresAt: 0, text: texts.of({ all: true }, 'inbox') }, entryKey(allStream, 70), 77, null) as MessageDoc
  t.equal(compactForm.entry(doc, allStream, 70), `{"step":7,"id":"${idOf}","from":"p:shop","body":"Hello"}`)
  t.equal(compactForm.entry(doc, allStream, 0, { ...untouched, read: true }), `{"step":77,"prev":0,"id":"${idOf}","from":"p:shop","body":"Hello","read":true}`)
  const other = { ...doc, text: `"later":1,${doc.text}` }
  t.equal(compactForm.entry(other, allStream, 70), wholeForm.entry(other, allStream, 70))
  t.same(entriesIn(['all', 70, [JSON.parse(compactForm.entry(other, allStream, 70))]]), [JSON.parse(wholeForm.entry(other, allStream, 70))])
})
