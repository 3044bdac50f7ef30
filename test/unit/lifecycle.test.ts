import { EventEmitter } from 'node:events'
import t from 'tap'
import { createLifecycle, listenForSignals, type Lifecycle } from '../../shared/platform/lifecycle.js'
import { createLog, createSilentLog } from '../../shared/platform/log.js'

const log = createSilentLog()
const create = (overrides = {}): Lifecycle => createLifecycle({ log, drainDeadlineMs: 5_000, closeDeadlineMs: 5_000, ...overrides })
const never = async (): Promise<void> => await new Promise(() => {})

t.test('lifecycle - drains all at once, then closes in reverse order', async t => {
  const lifecycle = create()
  const steps: string[] = []
  let bothDraining = (): void => {}
  const both = new Promise<void>(resolve => { bothDraining = resolve })
  let draining = 0
  const drain = async (): Promise<void> => {
    if (++draining === 2) bothDraining()
    await both // one after the other would wait here for good
    steps.push('drained')
  }
  lifecycle.add({ name: 'store', close: () => { steps.push('store') } })
  lifecycle.add({ name: 'node 1', drain, close: async () => { steps.push('node 1') } })
  lifecycle.add({ name: 'node 2', drain, close: async () => { steps.push('node 2') } })
  lifecycle.live()
  t.equal(lifecycle.state, 'live')
  const first = lifecycle.shutdown()
  t.equal(lifecycle.state, 'draining')
  t.equal(lifecycle.shutdown(), first, 'a second call is the same end')
  t.strictSame(await first, [])
  t.strictSame(steps, ['drained', 'drained', 'node 2', 'node 1', 'store'])
  t.equal(lifecycle.state, 'closed')
})

t.test('lifecycle - what is still starting is closed without draining', async t => {
  const lifecycle = create()
  const steps: string[] = []
  lifecycle.add({ name: 'node', drain: async () => { steps.push('drained') }, close: () => { steps.push('closed') } })
  await lifecycle.shutdown()
  t.strictSame(steps, ['closed'])
})

t.test('lifecycle - what is opened after the end is closed at once', async t => {
  const lifecycle = create()
  await lifecycle.shutdown()
  let isClosed = false
  lifecycle.add({ name: 'late', close: () => { isClosed = true } })
  t.ok(isClosed)
})

t.test('lifecycle - one that fails or hangs is named, and keeps nobody else from closing', async t => {
  const lines: string[] = []
  const lifecycle = create({ log: createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push(line) } } }), drainDeadlineMs: 30, closeDeadlineMs: 30 })
  let isStoreClosed = false
  lifecycle.add({ name: 'store', close: () => { isStoreClosed = true } })
  lifecycle.add({ name: 'hanging', drain: never, close: never })
  lifecycle.add({ name: 'failing', close: () => { throw new Error('no') } })
  lifecycle.live()
  t.strictSame(await lifecycle.shutdown(), ['failing', 'hanging'])
  t.ok(isStoreClosed)
  const told = lines.map(line => JSON.parse(line) as { event: string, resource: string })
  t.strictSame(told.map(({ event, resource }) => `${event} ${resource}`), ['drain-late hanging', 'close-failed failing', 'close-late hanging'])
})

t.test('signals - the first stops, the second stops at once', async t => {
  const source = new EventEmitter()
  const calls: string[] = []
  const stop = listenForSignals({ log, source, hasEcho: false, onFirst: () => calls.push('first'), onSecond: () => calls.push('second') })
  source.emit('SIGTERM')
  t.strictSame(calls, ['first'])
  source.emit('SIGTERM')
  t.strictSame(calls, ['first', 'second'])
  stop()
  t.equal(source.listenerCount('SIGTERM') + source.listenerCount('SIGINT'), 0)
})

t.test('signals - the echo that npm adds is no second one, another signal is', async t => {
  const source = new EventEmitter()
  const calls: string[] = []
  t.teardown(listenForSignals({ log, source, hasEcho: true, onFirst: () => calls.push('first'), onSecond: () => calls.push('second') }))
  source.emit('SIGINT')
  source.emit('SIGINT')
  t.strictSame(calls, ['first'])
  source.emit('SIGTERM')
  t.strictSame(calls, ['first', 'second'])
})
