/** Streams that may have grown unnoticed are looked up until the store has answered for each. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { userStream, type StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry } from '../../../shared/store/store.js'
import { createHub } from '../../../services/notifications/realtime/hub.js'
import { wholeForm } from '../../../services/notifications/log/entry-form.js'
import { createReconciler } from '../../../services/notifications/realtime/reconciler.js'
import { createRecentTimes } from '../../../services/notifications/realtime/recent-times.js'
import { createRetryStoreWork } from '../../../services/notifications/realtime/retry-store-work.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'
import { until } from '../../helpers/until.js'

const isOnAway = (key: string): boolean => placeOfEntry(key).stream.startsWith('u:away')

t.test('reconciler - a shard that is away holds up no other, and its own streams are found when it is back', async t => {
  const clock = createClock()
  const memory = createMemoryStore()
  let isAway = false
  const refuse = (keys: readonly string[]): void => { if (isAway && keys.some(isOnAway)) throw new Error('the shard is away') }
  const store: typeof memory = {
    ...memory,
    shardOf: (_, key) => isOnAway(key) ? 'away' : 'there',
    exist: async (collection, keys) => { refuse(keys); return await memory.exist(collection, keys) },
    lasts: async (collection, ranges) => { refuse(ranges.map(({ from }) => from)); return await memory.lasts(collection, ranges) }
  }
  const [heads, log] = [createHeads({ store, clock }), createSilentLog()]
  const retryStoreWork = createRetryStoreWork(log)
  const passed: StreamId[] = []
  const hub = createHub({ store, heads, now: clock.now, log, retryStoreWork, times: createRecentTimes(clock.now) })
  hub.onEntry(({ id }) => { passed.push(id) })
  const reconciler = createReconciler({ hub, store, heads, retryStoreWork })
  const { append } = plainAppender(memory, clock)
  const streams = Array.from({ length: 1_200 }, (_, i) => userStream(`${i % 2 === 0 ? 'away' : 'there'} ${i}`))
  const locals = streams.map(stream => hub.open(stream, { form: wholeForm, deliver: () => {} }))
  await Promise.all(locals.map(async ({ opened }) => { await opened }))
  await Promise.all(streams.map(async stream => { await append(stream, draftMessage(clock)) }))
  isAway = true
  t.equal(await reconciler.doubt(locals), 600, 'those of the other shard')
  await until('passed on', () => passed.length === 600)
  t.ok(reconciler.isInDoubt)
  isAway = false
  await until('all of them', () => passed.length === 1_200)
  await until('nothing is open', () => !reconciler.isInDoubt)
  t.equal(new Set(passed).size, 1_200)
  t.equal(await reconciler.at(locals), 0)
  reconciler.close()
  hub.close()
})

t.test('reconciler - a doubt about a stream that is being opened is looked into once it is open: its head was asked for before', async t => {
  const clock = createClock()
  const memory = createMemoryStore()
  let giveHead = (): void => {}
  const store: typeof memory = {
    ...memory,
    lasts: async (collection, ranges) => {
      const answer = await memory.lasts(collection, ranges)
      await new Promise<void>(resolve => { giveHead = resolve })
      return answer
    }
  }
  const [heads, log] = [createHeads({ store, clock }), createSilentLog()]
  const retryStoreWork = createRetryStoreWork(log)
  let passed = 0
  const hub = createHub({ store, heads, now: clock.now, log, retryStoreWork, times: createRecentTimes(clock.now) })
  hub.onEntry(() => { passed++ })
  const reconciler = createReconciler({ hub, store, heads, retryStoreWork })
  const { append } = plainAppender(memory, clock)
  const stream = userStream('ann')
  const local = hub.open(stream, { form: wholeForm, deliver: () => {} })
  const { opened } = local
  const early = giveHead
  await until('its head was read, and is on its way', () => giveHead !== early)
  await append(stream, draftMessage(clock))
  t.equal(await reconciler.doubt([local]), 0, 'nothing can be said yet')
  giveHead()
  await opened
  t.equal(local.head, 0)
  await until('found', () => { giveHead(); return passed === 1 })
  reconciler.close()
  hub.close()
})
