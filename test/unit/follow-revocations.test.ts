/** When a Gate knows who is revoked, and whom it asks: by what the nodes' heartbeats say. */
import t from 'tap'
import type { RevocationChange } from '../../shared/contract/revocations.js'
import type { NodeId } from '../../shared/contract/names.js'
import { createSilentLog } from '../../shared/platform/log.js'
import type { Member } from '../../services/dispatch/dispatch.js'
import { followRevocations } from '../../services/gate/follow-revocations.js'
import { until } from '../helpers/until.js'

interface Asked { readonly seq: number }
type Answer = { changes: RevocationChange[], more: boolean, isShorter?: true }

function startGate () {
  const told = new Map<string, Partial<Member>>()
  const answers = new Map<string, (body: Asked) => Answer | Promise<Answer>>()
  const asked: string[] = []
  const handlers: Array<(member: Member) => void> = []
  let hasConverged = true
  const members = (): Member[] => [...told].map(([id, one]) => ({ id, state: 'up', ...one })) as Member[]
  const revocations = followRevocations({
    log: createSilentLog(),
    dispatch: {
      members,
      get hasConverged () { return hasConverged },
      onHeartbeat: handler => { handlers.push(handler); return () => {} },
      ask: async (node, _kind, body, timeoutMs) => {
        asked.push(node)
        const answer = answers.get(node)
        if (answer !== undefined) return await answer(body as Asked)
        return await new Promise((_resolve, reject) => setTimeout(() => { reject(new Error('no answer')) }, timeoutMs))
      }
    }
  })
  return {
    revocations,
    asked,
    converge: (has: boolean) => { hasConverged = has },
    /** A heartbeat of a node. */
    hear: (id: string, revocations: number | null | undefined, more: Partial<Member> = {}) => {
      told.set(id, { ...revocations !== undefined && { revocations }, ...more })
      for (const handle of handlers) handle(members().find(member => member.id === id)!)
    },
    answer: (id: string, give: (body: Asked) => Answer | Promise<Answer>) => { answers.set(id, give) },
    letsIn: (): true | string => {
      try { revocations.check(['producer'], 'shop', 1_000); return true } catch (error) { return (error as { code: string }).code }
    }
  }
}

const shopRevoked = (seq: number): RevocationChange => ({ seq, kind: 'producer', name: 'shop', before: 2_000 })
/** Of a node that has the log up to this change. */
const knowing = (change: RevocationChange) => ({ seq }: Asked): Answer => seq > change.seq ? { changes: [], more: true, isShorter: true } : { changes: seq < change.seq ? [change] : [], more: false }

t.test('follow - a Gate that knows no node yet does not know who is revoked once there is one', async t => {
  const { hear, answer, letsIn, revocations } = startGate()
  t.equal(letsIn(), true, 'there is nothing to be let in to')
  t.throws(() => revocations.page(10, undefined), { code: 'GP_NO_NODE' })
  let give!: () => void
  const given = new Promise<void>(resolve => { give = resolve })
  answer('a', async body => { await given; return knowing(shopRevoked(3))(body) })
  hear('a', 3)
  t.equal(letsIn(), 'GP_DISPATCH_UNAVAILABLE')
  t.match(revocations.missing, /who is revoked/)
  give()
  await until('it is known', () => letsIn() === 'GP_TOKEN_REVOKED')
  t.equal(revocations.missing, undefined)
  hear('a', 3, { state: 'down' })
  t.equal(letsIn(), 'GP_TOKEN_REVOKED')
})

t.test('follow - a node that has not read the log says so, and is not believed to know', async t => {
  const { hear, answer, letsIn, revocations, asked } = startGate()
  hear('a', null)
  hear('old', undefined)
  t.equal(letsIn(), 'GP_DISPATCH_UNAVAILABLE')
  t.match(revocations.missing, /no node has read/)
  t.same(asked, [])
  answer('b', knowing(shopRevoked(3)))
  hear('b', 3)
  await until('another one knows', () => letsIn() === 'GP_TOKEN_REVOKED')
  hear('a', null)
  hear('c', null)
  t.equal(letsIn(), 'GP_TOKEN_REVOKED', 'once it was known it stays so')
})

t.test('follow - nodes of version 0.1 never say: where all are of it nobody is revoked, also while the first new one starts', async t => {
  const { hear, letsIn, converge } = startGate()
  converge(false)
  hear('a', undefined)
  t.equal(letsIn(), 'GP_DISPATCH_UNAVAILABLE', 'there may be others')
  converge(true)
  t.equal(letsIn(), true)
  hear('b', null)
  t.equal(letsIn(), true, 'a rolling upgrade refuses nobody')
  hear('b', 0)
  t.equal(letsIn(), true)
})

t.test('follow - a node that sends heartbeats and answers nothing: the next one is asked, and it is asked last from then on', async t => {
  const { hear, answer, letsIn, asked } = startGate()
  answer('b', knowing(shopRevoked(3)))
  hear('a', 3)
  hear('b', 3) // while a is asked
  await until('it is known', () => letsIn() === 'GP_TOKEN_REVOKED', 2_000)
  t.same(asked, ['a', 'b'])
  answer('b', knowing({ ...shopRevoked(4), before: null }))
  hear('a', 4)
  hear('b', 4)
  await until('asked again', () => asked.length > 2)
  hear('b', 4)
  await until('it is lifted', () => letsIn() === true, 2_000)
  t.same(asked.filter(id => id === 'b').length, 2)
})

t.test('follow - a log that is shorter than what is known here, as after a restore, is read anew once a node is sure of it', async t => {
  const { hear, answer, letsIn, asked, revocations } = startGate()
  answer('a', knowing(shopRevoked(7)))
  hear('a', 7)
  await until('it is known', () => letsIn() === 'GP_TOKEN_REVOKED')
  // Another one is behind for a moment: the store has what it has not read yet.
  hear('b', 5)
  t.same(asked, ['a'], 'nobody is asked while one says as much')
  hear('a', 7, { state: 'down' })
  answer('b', knowing(shopRevoked(7)))
  await until('asked', () => { hear('b', 5); return asked.length > 1 })
  t.equal(letsIn(), 'GP_TOKEN_REVOKED')
  answer('b', knowing({ seq: 5, kind: 'producer', name: 'other', before: 2_000 }))
  await until('read anew', () => { hear('b', 5); return letsIn() === true })
  t.same(revocations.page(10, undefined).revocations.map(({ name }) => name), ['other'])
  const before = asked.length
  hear('b', 5)
  t.equal(asked.length, before, 'and that is all')
  await t.resolves(revocations.catchUp('b' as NodeId))
})
