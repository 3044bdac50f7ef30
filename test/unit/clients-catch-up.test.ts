import t from 'tap'
import { createCatchUp } from '../../clients/catch-up.js'
import { GatepostError } from '../../clients/errors.js'
import type { Link } from '../../clients/link.js'
import type { Cursors, SyncAnswer } from '../../clients/protocol.js'
import { until } from '../helpers/until.js'

/** A link whose answers the test gives. */
function heldLink () {
  const asked: Array<{ cursors: Cursors, answer: (answer: SyncAnswer) => void, fail: (error: Error) => void }> = []
  const link = {
    isOpen: true,
    request: async (_event: string, { cursors }: { cursors: Cursors }) => await new Promise((resolve, reject) => { asked.push({ cursors, answer: resolve, fail: reject }) })
  }
  return { link, asked }
}

const page = (more: boolean): SyncAnswer => ({ entries: [], heads: {}, more })

function start (current: () => Link | undefined) {
  let cursors: Cursors = { all: 0 }
  const errors: string[] = []
  const catchUp = createCatchUp({
    link: current,
    cursors: () => cursors,
    take: () => { cursors = { all: (cursors['all'] ?? 0) + 1 } },
    room: async () => {},
    onError: ({ code }) => { errors.push(code) },
    retryBaseMs: 1
  })
  t.teardown(() => { catchUp.close() })
  return { catchUp, errors }
}

t.test('catch-up - a hole seen while an answer is under way is asked for once more', async t => {
  const { link, asked } = heldLink()
  const { catchUp } = start(() => link as unknown as Link)
  catchUp.begin()
  await until('first', () => asked.length === 1)
  catchUp.begin()
  catchUp.begin()
  asked[0]?.answer(page(false))
  await until('second', () => asked.length === 2)
  t.strictSame(asked[1]?.cursors, { all: 1 })
  asked[1]?.answer(page(false))
  catchUp.begin()
  await until('third', () => asked.length === 3)
  asked[2]?.answer(page(true))
  await until('next page', () => asked.length === 4)
  asked[3]?.answer(page(false))
  await new Promise(resolve => setImmediate(resolve))
  t.equal(asked.length, 4)
})

t.test('catch-up - what was seen on the next link is not lost with the one before', async t => {
  const [first, second] = [heldLink(), heldLink()]
  let current = first
  const { catchUp, errors } = start(() => current.link as unknown as Link)
  catchUp.begin()
  await until('asked', () => first.asked.length === 1)
  current = second
  first.link.isOpen = false
  catchUp.begin()
  first.asked[0]?.fail(new GatepostError('GP_UNREACHABLE', 'gone'))
  await until('asked again', () => second.asked.length === 1)
  second.asked[0]?.answer(page(false))
  t.strictSame(errors, [])
})

t.test('catch-up - a refusal is reported and tried again; without a link there is nobody to ask', async t => {
  const { link, asked } = heldLink()
  const links: unknown[] = []
  const { catchUp, errors } = start(() => links[0] as Link | undefined)
  catchUp.begin()
  await new Promise(resolve => setImmediate(resolve))
  links.push(link)
  catchUp.begin()
  await until('asked', () => asked.length === 1)
  asked[0]?.fail(new GatepostError('GP_OVERLOADED', 'busy'))
  await until('asked again', () => asked.length === 2)
  asked[1]?.answer(page(false))
  t.strictSame(errors, ['GP_OVERLOADED'])
})
