/** How a gap in a local stream is closed: without a hub or a socket. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import type { EntryDoc, Store } from '../../../shared/store/store.js'
import { createGapFill } from '../../../services/notifications/realtime/gap-fill.js'
import { HubStream } from '../../../services/notifications/realtime/local-stream.js'
import { createRetryStoreWork } from '../../../services/notifications/realtime/retry-store-work.js'
import { annStream, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'
import { until } from '../../helpers/until.js'

/** A live stream whose head is that of the store's first entry, with so many entries behind it that it has not heard of. */
async function start (count: number) {
  const clock = createClock()
  const memory = createMemoryStore()
  const { append } = plainAppender(memory, clock)
  const seqs: number[] = []
  const post = async (): Promise<number> => {
    const { doc } = await append(annStream, draftMessage(clock))
    seqs.push(doc.seq)
    return doc.seq
  }
  const stream = new HubStream(annStream, { readHead: async () => {}, flush: () => {} })
  stream.openAt(await post())
  for (let i = 0; i < count; i++) await post()
  const passed: number[] = []
  const reads = { count: 0, onRead: (_count: number): void => {} }
  const store: Pick<Store, 'range' | 'lasts'> = {
    range: async (...args) => {
      reads.onRead(++reads.count)
      return await memory.range(...args)
    },
    lasts: memory.lasts
  }
  const pass = (stream: HubStream, doc: EntryDoc, prev: number): void => {
    passed.push(doc.seq)
    stream.push(doc, prev, clock.now())
  }
  const fill = createGapFill({ store, retryStoreWork: createRetryStoreWork(createSilentLog()), log: createSilentLog(), pass })
  return { stream, fill, post, seqs, passed, reads }
}

t.test('gap fill - everything between head and target, page by page, in order, and the stream is live again', async t => {
  const { stream, fill, seqs, passed, reads } = await start(450)
  stream.hearOf(seqs.at(-1)!)
  const filling = fill(stream)
  t.equal(stream.state, 'filling')
  await filling
  t.same(passed, seqs.slice(1))
  t.match(stream, { state: 'live', head: seqs.at(-1) })
  t.equal(reads.count, 3)
})

t.test('gap fill - what was heard of and is not readable yet is read again', async t => {
  const { stream, fill, post, seqs, passed, reads } = await start(0)
  reads.onRead = count => { if (count === 3) void post() }
  stream.hearOf(stream.head + 1)
  await fill(stream)
  t.same(passed, seqs.slice(1))
  t.equal(stream.state, 'live')
  t.ok(reads.count >= 3)
})

t.test('gap fill - a store that fails is asked again; a stream that closes meanwhile is passed nothing more', async t => {
  const { stream, fill, seqs, passed, reads } = await start(3)
  stream.hearOf(seqs.at(-1)!)
  reads.onRead = count => { if (count === 1) throw new Error('away') }
  void fill(stream)
  await until('live again', () => stream.state === 'live')
  t.same(passed, seqs.slice(1))

  const other = await start(3)
  other.stream.hearOf(other.seqs.at(-1)!)
  other.reads.onRead = () => { other.stream.become('closed') }
  await other.fill(other.stream)
  t.same(other.passed, [])
  t.equal(other.stream.state, 'closed')
})
