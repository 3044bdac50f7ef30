import t from 'tap'
import { createClock } from '../../shared/contract/clock.js'
import { deadlines } from '../../shared/contract/deadlines.js'
import type { NodeId } from '../../shared/contract/names.js'
import { createRingBuilder } from '../../shared/contract/ring.js'
import { parseMessage } from '../../shared/contract/message.js'
import type { RequestWithFailover } from '../../services/gate/request-with-failover.js'
import { createSubmit } from '../../services/gate/submit.js'

t.test('submit - what is much work is waited for longer, and never without end', async t => {
  const waits: number[] = []
  const clock = createClock()
  const ringOf = (ids: string[]) => createRingBuilder()(ids.map(id => ({ id: id as NodeId, weight: 1 })))
  const none = ringOf([])
  const requestWithFailover = (async (_nodes: unknown, _kind: unknown, { messages }: { messages: unknown[] }, workMs: number) => {
    waits.push(workMs)
    return { answer: { results: messages.map(() => ({ status: 400, code: 'GP_VALIDATION', message: 'x' })) }, others: [], isInDoubt: false }
  }) as unknown as RequestWithFailover
  const submit = createSubmit({ dispatch: { isConnected: true, maxPayloadBytes: 1 << 24 }, rings: () => ({ up: ringOf(['a']), suspect: none, clockOff: none, draining: none, storeless: new Set() }), clock, requestWithFailover })
  const users = Array.from({ length: 1_000 }, (_, i) => `user ${i}`)
  const draft = { message: parseMessage({ to: { users }, title: 'x' }), idempotencyKey: undefined }
  await t.rejects(submit.one('p:shop', draft))
  await submit.many('p:shop', Array.from({ length: 100 }, () => draft))
  t.same(waits, [10_000, deadlines.gate.longestWorkMs])
})
