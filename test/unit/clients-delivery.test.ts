import t from 'tap'
import { createDelivery, type DeliveryOptions } from '../../clients/delivery.js'
import type { Cursors, Entry } from '../../clients/protocol.js'
import { createSlot } from '../../clients/storage.js'
import { until } from '../helpers/until.js'

const entry = (seq: number): Entry => ({ type: 'gone', stream: 'all', seq, prev: seq - 1 })
const make = (options: Partial<DeliveryOptions>) => createDelivery({ onEntry: () => {}, onMoved: () => {}, onError: () => {}, maxWaiting: 1_000, retryBaseMs: 1, ...options })

t.test('delivery - one at a time, in order, with the cursors that hold after it', async t => {
  const log: string[] = []
  const moved: Cursors[] = []
  const delivery = make({
    async onEntry ({ seq }, cursors) {
      log.push(`begin ${seq} ${JSON.stringify(cursors)}`)
      await new Promise(resolve => setImmediate(resolve))
      log.push(`end ${seq}`)
    },
    onMoved: cursors => moved.push(cursors)
  })
  delivery.begin({ all: 0 })
  for (const seq of [1, 2]) delivery.push(entry(seq))
  await until('both', () => log.length === 4)
  t.strictSame(log, ['begin 1 {"all":1}', 'end 1', 'begin 2 {"all":2}', 'end 2'])
  await until('cursor', () => moved.length === 3)
  t.strictSame(moved, [{ all: 0 }, { all: 1 }, { all: 2 }])
})

t.test('delivery - a failing callback gets the same entry again, nothing overtakes it', async t => {
  const got: number[] = []
  const codes: string[] = []
  let failures = 3
  const delivery = make({
    onEntry ({ seq }) {
      if (seq === 2 && failures-- > 0) throw new Error('no')
      got.push(seq)
    },
    onError: ({ code }) => codes.push(code)
  })
  for (const seq of [1, 2, 3]) delivery.push(entry(seq))
  await until('all', () => got.length === 3)
  t.strictSame(got, [1, 2, 3])
  t.strictSame(codes, Array(3).fill('GP_CALLBACK_FAILED'))
})

t.test('delivery - room is bounded, and waiters resume when half of it is free', async t => {
  let release = (): void => {}
  const gate = new Promise<void>(resolve => { release = resolve })
  const got: number[] = []
  const delivery = make({ maxWaiting: 200, onEntry: async ({ seq }) => { await gate; got.push(seq) } })
  let seq = 0
  while (delivery.hasRoom()) delivery.push(entry(++seq))
  t.equal(seq, 200)
  let hasRoom = false
  const room = delivery.room().then(() => { hasRoom = true })
  await new Promise(resolve => setImmediate(resolve))
  t.equal(hasRoom, false)
  release()
  await room
  await until('all', () => got.length === 200)
  t.strictSame(got, Array.from({ length: 200 }, (_, i) => i + 1))
})

t.test('delivery - closing waits for the callback that runs, starts no other, and may be done twice', async t => {
  const got: number[] = []
  const moved: Cursors[] = []
  const delivery = make({
    onEntry: async ({ seq }) => { await new Promise(resolve => setTimeout(resolve, 30)); got.push(seq) },
    onMoved: cursors => moved.push(cursors)
  })
  delivery.push(entry(1))
  delivery.push(entry(2))
  await new Promise(resolve => setImmediate(resolve))
  await delivery.close(5_000)
  await delivery.close(5_000)
  t.strictSame(got, [1])
  t.strictSame(moved, [{ all: 1 }])
})

t.test('delivery - closing from inside a callback is over after its deadline', async t => {
  let isClosed = false
  const delivery = make({ onEntry: async () => { await delivery.close(20); isClosed = true } })
  delivery.push(entry(1))
  await until('closed', () => isClosed)
})

t.test('storage - writes keep their order, only the last of those that wait is written', async t => {
  const written: string[] = []
  const slot = createSlot({
    key: 'k',
    onError: () => {},
    storage: { getItem: async () => null, setItem: async (_key, value) => { await new Promise(resolve => setImmediate(resolve)); written.push(value) } }
  })
  await Promise.all([1, 2, 3, 4].map(async value => { await slot.save(value) }))
  t.strictSame(written, ['1', '4'])
})

t.test('storage - a failed write is reported, a failed read is thrown, nonsense counts as nothing', async t => {
  const codes: string[] = []
  const onError = ({ code }: { code: string }): void => { codes.push(code) }
  const full = createSlot({ key: 'k', onError, storage: { getItem: () => { throw new Error('no') }, setItem: () => { throw new Error('full') } } })
  await full.save(1)
  t.strictSame(codes, ['GP_STORAGE_FAILED'])
  await t.rejects(full.load(), { code: 'GP_STORAGE_FAILED' })
  t.equal(await createSlot({ key: 'k', onError, storage: { getItem: () => '{', setItem: () => {} } }).load(), undefined)
  t.equal(codes.length, 2)
})
