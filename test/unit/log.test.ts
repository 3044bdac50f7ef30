import t from 'tap'
import { createLog } from '../../shared/platform/log.js'

function capture (options: Partial<Parameters<typeof createLog>[0]> = {}) {
  const lines: string[] = []
  const log = createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push(line) } }, ...options })
  return { log, lines }
}

t.test('log - one JSON line for each event, with the level by name', async t => {
  const { log, lines } = capture()
  log.info({ event: 'ready', url: 'http://127.0.0.1:1' }, 'serving')
  log.debug('not shown')
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { level: 'info', event: 'ready', url: 'http://127.0.0.1:1', msg: 'serving' })
})

t.test('log - secrets are redacted by field, at any of three depths', async t => {
  const { log, lines } = capture()
  log.info({ secret: 'a1', settings: { secret: 'b2', auth: { secret: 'c3' } }, req: { headers: { authorization: 'd4' } }, auth: { ticket: 'e5' } })
  t.notMatch(lines[0], /a1|b2|c3|d4|e5/)
  t.equal(lines[0]?.split('[redacted]').length, 6)
})

t.test('log - tokens, passwords in addresses and known secrets are redacted in any text', async t => {
  const { log, lines } = capture({ secrets: ['quoted "secret"'] })
  const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl'
  log.error({ err: new Error(`connect mongodb://ann:hunter2@db:1/x refused for ${token}`) }, 'saw quoted "secret" at nats://joe:pw@host')
  t.notMatch(lines[0], /hunter2|joe:pw|c2lnbmF0dXJl|quoted/)
  t.match(JSON.parse(lines[0] ?? ''), { err: { message: 'connect mongodb://[redacted]@db:1/x refused for [redacted]' } })
})

t.test('log - pretty lines go to the same destination and are redacted too', async t => {
  const { log, lines } = capture({ isPretty: true, secrets: ['swordfish'] })
  log.warn({ event: 'retry', note: 'swordfish' }, 'trying again')
  t.match(lines.join(''), /WARN.*trying again[^]*retry/)
  t.notMatch(lines.join(''), /swordfish/)
})
