import t from 'tap'
import { createAudit, maxRefusalsPerMinute } from '../../shared/platform/audit.js'
import { createLog } from '../../shared/platform/log.js'

t.test('audit - a flood of refusals writes so many a minute, and says how many it did not', async t => {
  const lines: Array<Record<string, unknown>> = []
  let nowMs = 0
  const audit = createAudit({ log: createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push(JSON.parse(line) as Record<string, unknown>) } } }), elapsed: () => nowMs })
  const entry = { actor: undefined, scope: undefined, action: 'token.use', target: 'GET /gate/nodes', result: 'GP_TOKEN_INVALID' }
  for (let i = 0; i < 1_000; i++) audit.refused(entry)
  t.equal(lines.length, maxRefusalsPerMinute)
  audit.record({ actor: 'root', scope: 'admin', action: 'node.drain', target: 'n1', result: 'done' })
  t.match(lines.at(-1), { event: 'audit', actor: 'root', scope: 'admin', action: 'node.drain', target: 'n1', result: 'done' }, 'what was done is always written')
  nowMs = 60_000
  audit.refused(entry)
  t.match(lines.at(-2), { event: 'audit-cut', refusals: 1_000 - maxRefusalsPerMinute })
  t.match(lines.at(-1), entry)
})
