import t from 'tap'
import { oneLine, refusal, refusalInWords, shown } from '../../shared/contract/errors.js'

t.test('errors - what was sent is shown in one line of at most 80 characters, none of them a control character', async t => {
  const values: unknown[] = [
    'a\nb', '\u0000', '\u0085', '\u2028', '\r\nset-cookie: a=b', 'x'.repeat(1_000_000), '🦆'.repeat(100), `${'x'.repeat(75)}🦆🦆🦆`, '\ud800', { 'a\nb': '\u0007' }, [['\n'.repeat(500)]], undefined, null, 5n, NaN, Symbol('a\nb'), () => {},
    Array.from({ length: 10_000 }, (_, i) => i), Object.assign(Object.create(null), { a: 1 })
  ]
  const deep: unknown[] = []
  let at = deep
  for (let i = 0; i < 200_000; i++) at.push(at = [])
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const isGood = (text: string, maxLength = 80): boolean => text.length <= maxLength && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) && text.isWellFormed()
  for (const value of [...values, deep, cyclic]) t.ok(isGood(shown(value), 103) && shown(value) !== '', JSON.stringify(shown(value)))
  for (const value of values) {
    if (typeof value !== 'string') continue
    t.ok(isGood(oneLine(value)), JSON.stringify(oneLine(value)))
    // An unknown field has the name that was sent.
    const { message, code } = refusalInWords(value, 'an unknown field', 'only to')
    t.equal(code, 'GP_VALIDATION')
    t.ok(isGood(message, 200), JSON.stringify(message))
  }
})

t.test('errors - a text that is too long to be shown is told with its length, in characters', async t => {
  t.equal(refusal('title', 'x'.repeat(300), 'text of at most 256 characters').message, `title: got "${'x'.repeat(76)}... (300 characters); takes text of at most 256 characters`)
  t.match(shown('🦆'.repeat(100)), /\.\.\. \(100 characters\)$/)
  t.equal(shown('x'.repeat(78)), `"${'x'.repeat(78)}"`)
  t.notMatch(shown({ text: 'x'.repeat(300) }), 'characters', 'its length is that of no text that was sent')
})

t.test('errors - what is told in words is no value', async t => {
  t.equal(refusalInWords('users', '1001 of them', '1 to 1,000 users').message, 'users: got 1001 of them; takes 1 to 1,000 users')
})
