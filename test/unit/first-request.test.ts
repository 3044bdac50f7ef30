/** Which connections may go to another process as they are: those whose first request is whole, with nothing behind it (first-request.ts). */
import t from 'tap'
import { pathOfWholeRequest } from '../../shared/platform/http/first-request.js'

const of = (text: string): string | undefined => pathOfWholeRequest(Buffer.from(text, 'latin1'))

t.test('first request - whole', async t => {
  t.equal(of('GET /a/b?c HTTP/1.1\r\nHost: x\r\n\r\n'), '/a/b?c')
  t.equal(of('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length:  3 \r\nConnection: keep-alive\r\n\r\nabc'), '/a')
  t.equal(of('POST /a HTTP/1.1\r\ncontent-length: 0\r\n\r\n'), '/a')
  t.equal(of('GET /a HTTP/1.1\r\n\r\n'), '/a', 'what is wrong with it is said by whoever takes it')
})

t.test('first request - everything else stays where it is', async t => {
  const head = 'POST /a HTTP/1.1\r\nHost: x\r\n'
  for (const text of [
    '', 'GET /a HTTP/1.1', 'GET /a HTTP/1.1\r\nHost: x\r\n', // not whole
    `${head}Content-Length: 3\r\n\r\nab`, `${head}Content-Length: 3\r\n\r\nabcd`, `${head}\r\nGET /b`, // less, more
    `${head}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, `${head}Content-Length: +3\r\n\r\nabc`, `${head}Content-Length: 9999999999\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, `${head}Expect: 100-continue\r\n\r\n`,
    `${head}Connection: close\r\n\r\n`, `${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    `${head}X: a\r\n folded\r\n\r\n`, `${head}no header\r\n\r\n`, `${head}Content-Length : 3\r\n\r\nabc`,
    'GET /a HTTP/1.0\r\n\r\n', 'GET http://x/a HTTP/1.1\r\n\r\n', 'get /a HTTP/1.1\r\n\r\n', 'GET /a  HTTP/1.1\r\n\r\n', '\r\nGET /a HTTP/1.1\r\n\r\n', '\x16\x03\x01\x00\r\n\r\n'
  ]) t.equal(of(text), undefined, JSON.stringify(text))
})
