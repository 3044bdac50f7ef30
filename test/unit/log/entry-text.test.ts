/** An entry's stored text, and what readers are sent of it: nothing that was not given is stored, and all of it is sent. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { allStream, userStream } from '../../../shared/contract/names.js'
import type { MessageDoc } from '../../../shared/store/store.js'
import { entryWire, messageTexts, placeEntry, volatileWire, type From } from '../../../services/notifications/log/entry.js'
import { erase, erasedDoc, isErased } from '../../../services/notifications/log/erase.js'
import { entryKey } from '../../../shared/store/keys.js'
import { annStream, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

const createdAt = '2026-01-01T00:00:00.000Z'
/** Texts that look like parts of an entry. */
const text = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('},"to":', '"},"to":{', ',"picture":null', '\\', '"', '\\"},"to":', '"boxes":["inbox"]', '["inbox"]', ',"url":null', '李 👀'))
const given = <T> (value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const profile = given(fc.record({ name: fc.option(text), picture: fc.option(text) }, { noNullPrototype: true }))
const action = fc.record({ id: text, label: text, url: text }, { requiredKeys: ['id', 'label'], noNullPrototype: true })

function requireSame (got: object, wanted: object): void {
  if (!isDeepStrictEqual(got, wanted)) throw new Error(`got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`)
}

t.test('entry text - whatever it is made of, readers get what was sent, and null for the rest', async t => {
  fc.assert(fc.property(text, fc.boolean(), profile, text, fc.option(text), fc.option(text), given(text), given(fc.array(action, { maxLength: 3 })), fc.constantFrom('inbox', 'sent', 'both'), (sender, isUser, profile, to, title, data, url, actions, boxes) => {
    const from: From = isUser ? { user: sender, ...profile } : { producer: sender, ...profile }
    const texts = messageTexts({ from, title, body: null, data, category: 'general', createdAt, expiresAtMs: undefined, url, actions })
    const stored = texts.of({ user: to }, boxes)
    if (url === undefined && actions === undefined && /,"(?:url|actions)":/.test(stored.replaceAll(/"(?:[^"\\]|\\.)*"(?!:)/g, ''))) throw new Error('stored what was not given')
    const shown = JSON.parse(volatileWire('m', texts.of({ user: to }, 'inbox'))) as object
    const doc = placeEntry({ kind: 'message', id: 'm', sender: 'u:x', category: 'general', boxes, recalled: 0, expiresAt: 0, text: stored }, entryKey(annStream, 0), 1, null)
    const wire = JSON.parse(entryWire(doc, { read: false, archived: true, acted: title ?? undefined })) as object
    const content = { from: { ...from, name: profile?.name ?? null, picture: profile?.picture ?? null }, to: { user: to }, title, body: null, data, category: 'general', createdAt, expiresAt: null, url: url ?? null, actions: actions ?? null }
    requireSame(shown, { type: 'message', id: 'm', ...content, boxes: ['inbox'], read: false, archived: false, recalled: false, acted: null })
    requireSame(wire, { type: 'message', id: 'm', stream: 'u:ann', seq: 1, prev: 0, ...content, boxes: boxes === 'both' ? ['inbox', 'sent'] : [boxes], read: boxes !== 'inbox', archived: true, recalled: false, acted: title })
  }), { numRuns: 500 })
  t.pass()
})

const carried = { url: '/x', actions: [{ id: 'yes', label: 'Yes' }] }
const messageOf = (doc: Parameters<typeof entryWire>[0]): Record<string, unknown> => JSON.parse(entryWire(doc)) as Record<string, unknown>

t.test('entry text - what a version that knows no links has recalled is shown without them, and erased by whoever replays it', async t => {
  const clock = createClock()
  const store = createMemoryStore()
  const from = { user: 'bob', name: 'Bob', picture: '/bob.png' }
  const { of } = messageTexts({ from, title: 'secret', body: null, data: null, category: 'general', createdAt, expiresAtMs: undefined, ...carried })
  const { doc } = await plainAppender(store, clock).append(annStream, { ...draftMessage(clock, { sender: userStream('bob') }), text: of({ user: 'ann' }, 'inbox') })
  t.match(messageOf(doc), { from, ...carried })
  // As version 0.1 does it: title, body and data only.
  const half = { ...doc, v: doc.v + 1, recalled: 77, text: (doc as MessageDoc).text.replace('"secret"', 'null') } as MessageDoc
  await store.replace('entries', [{ was: doc.v, doc: half }])
  t.notOk(isErased(half))
  const erased = { recalled: true, title: null, url: null, actions: null, from: { user: 'bob', name: null, picture: null }, to: { user: 'ann' }, createdAt }
  t.match(messageOf(half), erased)
  await erase(store, annStream, doc.seq, 77)
  const [after] = await store.get('entries', [doc.key]) as [MessageDoc]
  t.match(messageOf(after), erased)
  t.equal(after.recalled, 77)
  for (const gone of ['/x', 'Yes', 'Bob', 'bob.png', 'secret']) t.notOk(after.text.includes(gone), gone)
  await erase(store, annStream, doc.seq, 77)
  t.strictSame((await store.get('entries', [doc.key]))[0], after, 'once')
})

t.test('entry text - of a version that knows no links it is erased as that version does it', async t => {
  const clock = createClock()
  const { doc } = await plainAppender(createMemoryStore(), clock).append(allStream, draftMessage(clock, { home: allStream }))
  const message = doc as MessageDoc
  t.equal(erasedDoc(message, 5).text, message.text.replace('"body":"text"', '"body":null'))
  t.ok(isErased(erasedDoc(message, 5)))
  t.match(messageOf(message), { url: null, actions: null, acted: null, from: { producer: 'shop', name: null, picture: null } })
})
