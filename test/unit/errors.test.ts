import t from 'tap'
import { oneLine, refusal, shown } from '../../shared/contract/errors.js'

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
  for (const value of [...values, deep, cyclic]) t.ok(isGood(shown(value)) && shown(value) !== '', JSON.stringify(shown(value)))
  for (const value of values) {
    if (typeof value !== 'string') continue
    t.ok(isGood(oneLine(value)), JSON.stringify(oneLine(value)))
    // An unknown field has the name that was sent.
    const { message, code } = refusal(value, 'an unknown field', 'only to')
    t.equal(code, 'GP_VALIDATION')
    t.ok(isGood(message, 200), JSON.stringify(message))
  }
})
