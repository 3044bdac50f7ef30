/** What leaves a local stream, and when. */
import t from 'tap'
import { createClock } from '../../../shared/clock.js'
import { createSilentLog } from '../../../shared/log.js'
import { allStream, type StreamId } from '../../../shared/names.js'
import { createHub, type StreamReader } from '../../../services/notifications/delivery/hub.js'
import { createPersist } from '../../../services/notifications/persist.js'
import { createHeads } from '../../../services/notifications/stream/heads.js'
import { annStream, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'
import { until } from '../../helpers/until.js'

interface Told { readonly stream: StreamId, readonly seqs: number[] }

const seqsOf = (packet: string): number[] => (JSON.parse(packet.slice(1)) as [string, Array<{ seq: number }>])[1].map(({ seq }) => seq)

async function start (readers: Record<StreamId, number>, deliveryMs: number) {
  const clock = createClock()
  const store = createMemoryStore()
  const { append } = plainAppender(store, clock)
  const hub = createHub({ store, heads: createHeads({ store, clock }), now: clock.now, log: createSilentLog(), persist: createPersist(createSilentLog()), onEntry: () => {} })
  const told: Told[] = []
  for (const [id, count] of Object.entries(readers) as Array<[StreamId, number]>) {
    for (let i = 0; i < count; i++) {
      const reader: StreamReader = {
        deliver: frame => {
          const end = performance.now() + deliveryMs
          if (i === 0) told.push({ stream: id, seqs: seqsOf(frame.packet) })
          while (performance.now() < end);
        }
      }
      const local = hub.open(id, reader)
      await local.opened
      local.goLive(reader)
    }
  }
  const post = async (stream: StreamId): Promise<number> => {
    const { doc } = await append(stream, draftMessage(clock, { home: stream }))
    hub.accept(stream, doc)
    await new Promise(resolve => setImmediate(resolve)) // a turn of its own
    return doc.seq
  }
  return { hub, told, post }
}

t.test('hub - entries that follow each other closely gather while a crowd is served; nobody else waits for them', async t => {
  const { hub, told, post } = await start({ [allStream]: 100, [annStream]: 1 }, 0.2)
  const posted: number[] = []
  for (let i = 0; i < 40; i++) posted.push(await post(allStream))
  const own = await post(annStream)
  t.same(told.filter(({ stream }) => stream === annStream), [{ stream: annStream, seqs: [own] }], 'another stream leaves in its own turn')
  const frames = (): Told[] => told.filter(({ stream }) => stream === allStream)
  await until('every entry', () => frames().flatMap(({ seqs }) => seqs).length === posted.length)
  t.same(frames().flatMap(({ seqs }) => seqs), posted, 'each once, in order')
  t.same(frames()[0]?.seqs, [posted[0]], 'the first goes at once')
  t.ok(frames().length < posted.length / 2, `frames: ${frames().length}`)
  hub.close()
})

t.test('hub - what has gathered leaves before the hub closes, and in one turn of the loop for few readers', async t => {
  const { hub, told, post } = await start({ [allStream]: 100, [annStream]: 3 }, 0.2)
  const posted = [await post(allStream), await post(allStream), await post(allStream)]
  const own = [await post(annStream), await post(annStream)]
  t.same(told.filter(({ stream }) => stream === annStream).map(({ seqs }) => seqs), own.map(seq => [seq]))
  hub.close()
  t.same(told.filter(({ stream }) => stream === allStream).flatMap(({ seqs }) => seqs), posted)
})
