import fc from 'fast-check'
import t from 'tap'
import { linkPieces, safeUrl } from '../../../clients/element/model/links.js'
import { groupOf, initialsOf, partnerOf, receiverOf, senderOf, visibleName } from '../../../clients/element/model/people.js'
import { actionsOf, urlOf } from '../../../clients/element/model/carried.js'
import { message } from '../../helpers/messages.js'

const base = 'https://site.example/inbox'

t.test('links - http and https addresses and paths of the site; nothing else is followed', async t => {
  t.equal(safeUrl('https://example.com/a?b#c', base), 'https://example.com/a?b#c')
  t.equal(safeUrl('HTTP://example.com', base), 'http://example.com/')
  t.equal(safeUrl('/orders/17', base), 'https://site.example/orders/17')
  const refused = [
    'javascript:alert(1)', 'JAVASCRIPT:alert(1)', ' javascript:alert(1)', 'java\tscript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'blob:https://a/b',
    '//evil.example', '/\\evil.example', '\\\\evil.example', '/\t/evil.example', '/a\\b', 'https:evil', 'https:///', 'orders/17', '', ' /orders', '/or ders', '/a\u202eb', '/a\u200bb', 'https://exa\u200bmple.com',
    'https://user:pw@example.com', 'https://user@example.com', `https://example.com/${'a'.repeat(2_048)}`, null, undefined, 17, { toString: () => 'https://example.com' }
  ]
  for (const url of refused) t.equal(safeUrl(url, base), undefined, JSON.stringify(url))
})

t.test('links - in a text: the pieces are the text again, and only http(s) is a link', async t => {
  const text = 'See https://example.com/a(b), (https://example.com/c) or http://example.com. Not javascript:alert(1), data:x or ftp://x.y'
  const pieces = linkPieces(text, base)
  t.equal(pieces.map(piece => piece.text).join(''), text)
  t.strictSame(pieces.flatMap(({ href }) => href ?? []), ['https://example.com/a(b)', 'https://example.com/c', 'http://example.com/'])
  t.strictSame(linkPieces('http://a:b@evil.example/x', base).flatMap(({ href }) => href ?? []), [])
  t.strictSame(linkPieces('https://example.com/\u202egpj.exe', base).flatMap(({ href }) => href ?? []), ['https://example.com/'])
  t.strictSame(linkPieces('请看https://example.com/说明。', base).flatMap(({ text, href }) => href === undefined ? [] : text), ['https://example.com/说明'])
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('', 'https://a.b/', 'http://'), (a, b) => {
    const whole = a + b + a
    const found = linkPieces(whole, base)
    return found.map(piece => piece.text).join('') === whole && found.every(({ href }) => href === undefined || /^https?:\/\//.test(href))
  }))
})

t.test('links - a line of 64 KB is searched in time', async t => {
  const before = process.cpuUsage()
  for (const text of ['https://'.repeat(8_192), `https://a.b/${')'.repeat(65_536)}`, 'http'.repeat(16_384), `https://a.b/${'.'.repeat(65_536)}`]) linkPieces(text, base)
  const { user } = process.cpuUsage(before)
  t.ok(user < 2_000_000, `${user} µs`)
})

t.test('people - a mark is what the server says; a name and a picture cannot make one', async t => {
  const eve = { user: 'eve', name: '\u202e\u200bSite \u2066✓ Announcement', picture: 'javascript:x' }
  t.match(senderOf(message(1, { from: eve })), { id: 'eve', name: 'Site ✓ Announcement', mark: undefined })
  t.equal(senderOf(message(1, { from: eve, to: { group: 'staff' } })).mark, 'group')
  t.equal(senderOf(message(1, { from: { producer: 'shop', name: 'Shop', picture: null }, to: { user: 'ann' } })).mark, 'producer')
  t.equal(senderOf(message(1, { from: { producer: 'shop', name: null, picture: null }, to: { all: true } })).mark, 'announcement')
  t.equal(senderOf(message(1, { from: { user: 'bob' } as unknown as typeof eve })).name, 'bob', 'an older node says no names')
  t.equal(senderOf(message(1, { from: { ...eve, name: '\u200b\u202e' } })).name, 'eve')
  t.equal(visibleName('a\u0000b\n c'), 'ab c')
  t.equal(groupOf(message(1, { to: { group: 'st\u202eaff' } })), 'staff')
  t.equal(receiverOf(message(1, { to: { all: true } }), 'everybody').name, 'everybody')
  t.strictSame(['Bob Marsh', 'bob', '陈小明', '', '🦉', 'ليلى حسن', 'a.b@c'].map(initialsOf), ['BM', 'B', '陈', '?', '?', 'لح', 'AC'])
})

t.test('people - with whom a message can be answered', async t => {
  const from = (user: string): ReturnType<typeof message>['from'] => ({ user, name: null, picture: null })
  t.equal(partnerOf(message(1), 'ann'), 'bob')
  t.equal(partnerOf(message(1, { from: from('ann'), to: { user: 'bob' } }), 'ann'), 'bob')
  t.equal(partnerOf(message(1, { from: from('ann'), to: { user: 'ann' } }), 'ann'), undefined)
  t.equal(partnerOf(message(1, { to: { group: 'staff' } }), 'ann'), undefined)
  t.equal(partnerOf(message(1, { from: { producer: 'x', name: null, picture: null } }), 'ann'), undefined)
})

t.test('carried - what an older node leaves out is nothing, and what is taken back offers nothing', async t => {
  const { url: _url, actions: _actions, acted: _acted, ...older } = message(1)
  t.strictSame([urlOf(older as ReturnType<typeof message>, base), actionsOf(older as ReturnType<typeof message>)], [undefined, []])
  t.strictSame(actionsOf(message(1, { actions: [{ id: 'a', label: 'A' }], recalled: true })), [])
  t.equal(urlOf(message(1, { url: 'javascript:alert(1)' }), base), undefined)
})
