import fc from 'fast-check'
import t from 'tap'
import { maxMessageBytes, parseMessage } from '../../shared/contract/message.js'

const leaf = fc.oneof(
  fc.constantFrom<unknown>('', '\u0000\u001f"\\', '站内信', '😀', '\ud800', null, true, false, 0, -0, 1.7976931348623157e308, -1.7976931348623157e308, [], {}, { '': '' }, [[]]),
  fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string({ maxLength: 20 })
)

t.test('message - the bytes of its JSON decide, whatever it is made of', async t => {
  fc.assert(fc.property(fc.array(leaf, { minLength: 1, maxLength: 6 }), fc.dictionary(fc.string({ maxLength: 8 }), leaf, { maxKeys: 4 }), fc.integer({ min: -40, max: 40 }), (items, members, from) => {
    const messageOf = (count: number): object => ({ to: { user: 'ann' }, data: [members, ...Array.from({ length: count }, () => items)] })
    const bytesOf = (value: object): number => Buffer.byteLength(JSON.stringify(value))
    const each = bytesOf(messageOf(2)) - bytesOf(messageOf(1))
    const message = messageOf(Math.floor((maxMessageBytes - bytesOf(messageOf(0))) / each) + Math.sign(from))
    const fill = maxMessageBytes + from - bytesOf(message) - ',"body":""'.length
    const whole = fill > 0 ? { ...message, body: 'x'.repeat(fill) } : message
    let isTaken = true
    try { parseMessage(whole) } catch (error) {
      isTaken = false
      if ((error as { code?: string }).code !== 'GP_TOO_LARGE') throw error
    }
    return isTaken === (bytesOf(whole) <= maxMessageBytes)
  }), { numRuns: 300 })
  t.pass()
})
