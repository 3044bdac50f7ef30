/** Shards that are away: streams on the others go on as if nothing were. And many writers to one stream: each gets its turn. */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { userStream, type NodeId, type StreamId } from '../../../shared/contract/names.js'
import { placeOfEntry } from '../../../shared/store/store.js'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { createForwarder, forwardKind, type ForwardedEntries } from '../../../services/notifications/node/forwarder.js'
import { startTestNode } from '../../helpers/dispatch-nodes.js'
import { draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'
import { allowed } from '../../helpers/until.js'

const isAway = (stream: StreamId): boolean => stream.startsWith('u:away')

/** Two shards; what is for the one that is away waits until it is back. */
function startStore () {
  const memory = createMemoryStore()
  let comeBack!: () => void
  const back = new Promise<void>(resolve => { comeBack = resolve })
  const store: typeof memory = {
    ...memory,
    shardOf: (_, key) => isAway(placeOfEntry(key).stream) ? 'away' : 'there',
    insertChains: async (collection, chains) => {
      if (chains.some(chain => isAway(placeOfEntry(chain[0]?.key ?? '').stream))) await back
      return await memory.insertChains(collection, chains)
    }
  }
  return { store, comeBack }
}

t.test('places - appends to a shard that is away hold up no others, however many they are', async t => {
  const { store, comeBack } = startStore()
  const clock = createClock()
  const appender = plainAppender(store, clock)
  const away: Array<Promise<unknown>> = []
  let healthy = 0
  for (let round = 0; round < 20; round++) {
    away.push(appender.append(userStream(`away ${round}`), draftMessage(clock)))
    await appender.append(userStream(`there ${round}`), draftMessage(clock))
    healthy++
  }
  t.equal(healthy, 20)
  comeBack()
  await Promise.all(away)
  await appender.settled()
})

t.test('contention - a writer that others outrun gets its turn within a moment', async t => {
  const memory = createMemoryStore({ before: async () => { await pause(3); return undefined } })
  const clock = createClock()
  const [slow, quick] = [plainAppender(memory, clock), plainAppender(memory, clock)]
  const stream = userStream('busy')
  let isOver = false
  // Always one behind the other, as a node that never conflicts does.
  const outrunning = (async () => { while (!isOver) { await quick.append(stream, draftMessage(clock)); await pause(4) } })()
  const times: number[] = []
  for (let i = 0; i < 20; i++) {
    const startedAt = performance.now()
    await slow.append(stream, draftMessage(clock))
    times.push(performance.now() - startedAt)
  }
  isOver = true
  await outrunning
  t.ok(Math.max(...times) < allowed(1_500), 'none waits long', { times: times.map(Math.round) })
})

t.test('places - what is handed over for a shard that is away holds up nothing that is for another, and keeps its order', async t => {
  const { store, comeBack } = startStore()
  const hub = createInProcessBus()
  const clock = createClock()
  const shardOf = (stream: StreamId): string => isAway(stream) ? 'away' : 'there'
  const [here, there] = ['n1', 'n2'].map(id => {
    const { dispatch } = startTestNode(t, { id, bus: hub.connect(id) })
    const appender = plainAppender(store, clock)
    return { dispatch, appender, handOver: createForwarder({ nodeId: id as NodeId, dispatch, appender, ownerOf: () => 'n2' as NodeId, shardOf, onStored: () => {}, log: createSilentLog(), timeoutMs: 10_000 }) }
  })
  there!.dispatch.answer(forwardKind, async body => await there!.handOver.serve(body as ForwardedEntries))
  const away = Array.from({ length: 5 }, async () => await here!.handOver.append(userStream('away'), draftMessage(clock)))
  for (let i = 0; i < 10; i++) {
    const { doc } = await here!.handOver.append(userStream('there'), draftMessage(clock))
    t.equal(placeOfEntry(doc.key).stream, 'u:there')
  }
  t.equal(here!.handOver.counts.handed, 10, 'one of them still waits')
  comeBack()
  const seqs = (await Promise.all(away)).map(({ doc }) => doc.seq)
  t.same(seqs, [...seqs].sort((a, b) => a - b))
})
