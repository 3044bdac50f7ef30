import t from 'tap'
import { createSigner, type Signer } from '../../../services/dispatch/signer.js'

const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value))
const signer = createSigner({ secret: 'a secret of the whole cluster, long enough' })
const subject = 'gatepost.ask.bm9kZTE'

void t.test('signer - what is signed is still JSON, with one member more, and is recognised', async t => {
  const signed = signer.sign(subject, json({ kind: 'drain', body: { text: 'ä' } }))
  const { mac, ...rest } = JSON.parse(Buffer.from(signed).toString()) as { mac: string }
  t.same(rest, { kind: 'drain', body: { text: 'ä' } })
  t.match(mac, /^[\w-]{43}$/)
  t.equal(signer.check(subject, signed), 'signed')
})

void t.test('signer - a view into a larger buffer is checked as it is', async t => {
  const signed = signer.sign(subject, json({ kind: 'x' }))
  const larger = Buffer.concat([Buffer.from('before'), signed, Buffer.from('behind')])
  t.equal(signer.check(subject, larger.subarray(6, 6 + signed.byteLength)), 'signed')
})

void t.test('signer - each changed byte, another subject and another secret are forged', async t => {
  const signed = Buffer.from(signer.sign(subject, json({ kind: 'x', n: 1 })))
  for (let at = 0; at < signed.byteLength; at++) {
    const changed = Buffer.from(signed)
    changed[at] = changed[at]! ^ 1
    t.not(signer.check(subject, changed), 'signed', `byte ${at}`)
  }
  t.equal(signer.check('gatepost.ask.bm9kZTI', signed), 'forged')
  t.equal(createSigner({ secret: 'another secret of another cluster, long' }).check(subject, signed), 'forged')
})

void t.test('signer - what has no signature is unsigned, however short', async t => {
  for (const payload of [new Uint8Array(0), json({}), json({ kind: 'x', body: 'a text that is longer than a signature would be, by far' })]) t.equal(signer.check(subject, payload), 'unsigned')
})

void t.test('signer - while a secret is replaced both are taken, and the own one signs', async t => {
  const [old, next] = ['the old secret, which is thirty-two long', 'the next secret, which is thirty-two long']
  const steps: Signer[] = [createSigner({ secret: old }), createSigner({ secret: old, accept: [next] }), createSigner({ secret: next, accept: [old] }), createSigner({ secret: next })]
  for (const [i, from] of steps.entries()) {
    for (const [k, to] of steps.entries()) {
      if (Math.abs(i - k) > 1) continue // a rotation goes from one step to the next
      t.equal(to.check(subject, from.sign(subject, json({ kind: 'x' }))), 'signed', `${i} → ${k}`)
    }
  }
  t.equal(steps[3]!.check(subject, steps[0]!.sign(subject, json({ kind: 'x' }))), 'forged')
})
