/** What leaves a local stream, and when. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createLog, createSilentLog } from '../../../shared/platform/log.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { allStream, type StreamId } from '../../../shared/contract/names.js'
import { wholeForm } from '../../../services/notifications/log/entry-form.js'
import { createHub, type StreamReader } from '../../../services/notifications/realtime/hub.js'
import { createRecentTimes } from '../../../services/notifications/realtime/recent-times.js'
import { createRetryStoreWork } from '../../../services/notifications/realtime/retry-store-work.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { annStream, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createLeaveMarks } from '../../../services/notifications/log/leave-mark.js'
import { createMemoryStore } from '../../helpers/memory-store.js'
import { until } from '../../helpers/until.js'

interface Told { readonly stream: StreamId, readonly seqs: number[] }

const seqsOf = (packet: string): number[] => (JSON.parse(packet.slice(1)) as [string, Array<{ seq: number }>])[1].map(({ seq }) => seq)

async function start (readers: Record<StreamId, number>, deliveryMs: number) {
  const clock = createClock()
  const store = createMemoryStore()
  const { append } = plainAppender(store, clock)
  const hub = createHub({ store, heads: createHeads({ store, clock }), now: clock.now, log: createSilentLog(), retryStoreWork: createRetryStoreWork(createSilentLog()), times: createRecentTimes(clock.now) })
  const told: Told[] = []
  for (const [id, count] of Object.entries(readers) as Array<[StreamId, number]>) {
    for (let i = 0; i < count; i++) {
      const reader: StreamReader = {
        form: wholeForm,
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

const entriesOf = (frames: readonly string[]): Array<{ type: string, seq: number, prev: number }> => frames.flatMap(packet => (JSON.parse(packet.slice(1)) as [string, []])[1])

/** One reader of a stream, on a store whose reads a test can make fail. */
function startOne () {
  const clock = createClock()
  let isAway = false
  const store = createMemoryStore({ before: ({ kind }) => isAway && kind !== 'insertChains' ? 'refused' : undefined })
  const { append } = plainAppender(store, clock)
  const lines: string[] = []
  const log = createLog({ level: 'info', isPretty: false, destination: { write: line => { lines.push(line) } } })
  const hub = createHub({ store, heads: createHeads({ store, clock }), now: clock.now, log, retryStoreWork: createRetryStoreWork(log), times: createRecentTimes(clock.now) })
  const frames: string[] = []
  const reader: StreamReader = { form: wholeForm, deliver: ({ packet }) => { frames.push(packet) } }
  return { clock, append, hub, reader, lines, frames, setAway: (away: boolean) => { isAway = away } }
}

t.test('hub - a head that cannot be read is read again for whoever asks', async t => {
  const { clock, append, hub, reader, frames, setAway } = startOne()
  await append(annStream, draftMessage(clock))
  setAway(true)
  const local = hub.open(annStream, reader)
  await t.rejects(local.opened, { code: 'GP_STORE_UNAVAILABLE' })
  await t.rejects(local.opened, { code: 'GP_STORE_UNAVAILABLE' })
  t.equal(local.state, 'opening')
  setAway(false)
  await local.opened
  local.goLive(reader)
  const { doc } = await append(annStream, draftMessage(clock))
  hub.accept(annStream, doc)
  await until('the entry', () => frames.length > 0)
  t.same(entriesOf(frames).map(({ seq }) => seq), [doc.seq])
  hub.close()
})

t.test('hub - a gap is read until it can be, what follows is passed on in order, and the log says it once', async t => {
  const { clock, append, hub, reader, lines, frames, setAway } = startOne()
  const local = hub.open(annStream, reader)
  await local.opened
  local.goLive(reader)
  const docs = []
  for (let i = 0; i < 5; i++) docs.push((await append(annStream, draftMessage(clock))).doc)
  setAway(true)
  hub.accept(annStream, docs[2]!)
  hub.accept(annStream, docs[4]!)
  await until('held up', () => lines.length > 0)
  setAway(false)
  await until('all of them', () => entriesOf(frames).length === 5)
  t.same(entriesOf(frames).map(({ seq }) => seq), docs.map(({ seq }) => seq))
  await until('told that it is over', () => lines.length > 1)
  t.same(lines.map(line => (JSON.parse(line) as { event: string }).event), ['delivery-held-up', 'delivery-goes-on'])
  hub.close()
})

t.test('hub - who left is marked for the node alone; readers hear with the next entry that something lay between', async t => {
  const { clock, append, hub, reader, frames } = startOne()
  const group = 'g:staff' as StreamId
  const local = hub.open(group, reader)
  await local.opened
  local.goLive(reader)
  const marks: EntryDoc[] = []
  const markLeave = createLeaveMarks({ clock, append: async (stream, draft) => { marks.push((await append(stream, draft)).doc) } })
  const first = (await append(group, draftMessage(clock, { home: group }))).doc
  hub.accept(group, first)
  await Promise.all([markLeave(group, { token: 'x', seq: 1 }), markLeave(group, { token: 'y', seq: 2 })])
  for (const mark of marks) hub.accept(group, mark)
  await until('the first', () => frames.length === 1)
  const last = (await append(group, draftMessage(clock, { home: group }))).doc
  hub.accept(group, last)
  await until('the last', () => frames.length === 2)
  const [, ...more] = entriesOf(frames)
  const lastMark = marks.at(-1)!.seq
  t.same(more.map(({ type, seq, prev }) => [type, prev, seq]), [['gone', first.seq, lastMark], ['message', lastMark, last.seq]])
  hub.close()
})
