import t from 'tap'
import { readNatsAddress } from '../../../services/dispatch/buses/nats-address.js'

void t.test('nats address - one or several servers, with the usual port where none is named', async t => {
  t.same(readNatsAddress('nats://127.0.0.1:5000'), { servers: ['127.0.0.1:5000'], isTls: false, login: undefined })
  t.same(readNatsAddress('nats://a, b:1 ,nats://[::1]:7'), { servers: ['a:4222', 'b:1', '[::1]:7'], isTls: false, login: undefined })
  t.match(readNatsAddress('tls://a:1,tls://b:2'), { servers: ['a:1', 'b:2'], isTls: true })
  t.same(readNatsAddress('nats://a:80').servers, ['a:80'])
})

void t.test('nats address - a login is decoded; without a password it is a token', async t => {
  t.same(readNatsAddress('nats://us%2Fer:p%40ss@a,nats://b').login, { user: 'us/er', pass: 'p@ss' })
  t.same(readNatsAddress('nats://s3cret@a').login, { token: 's3cret' })
})

void t.test('nats address - anything else is refused, naming the setting and not showing a password', async t => {
  for (const text of ['', ',', 'http://a', 'nats://', 'nats://a:port', 'nats://a,tls://b', 'nats://u:hidden@a,nats://u:other@b', '::::']) {
    t.throws(() => readNatsAddress(text), { code: 'GP_VALIDATION', message: /^(?!.*(hidden|other)).*GATEPOST_NATS_URL/ }, text)
  }
})
