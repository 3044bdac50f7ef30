/** When a stream's frames leave: without a socket, a store or a hub. */
import t from 'tap'
import type { StreamId } from '../../../shared/contract/names.js'
import { createClock } from '../../../shared/contract/clock.js'
import { createFanOut, type FanOut } from '../../../services/notifications/realtime/fan-out.js'
import { BatchWindow } from '../../../services/notifications/realtime/fan-out-policy.js'
import { wholeForm } from '../../../services/notifications/log/entry-form.js'
import { HubStream } from '../../../services/notifications/realtime/local-stream.js'
import { placeEntry } from '../../../services/notifications/log/entry.js'
import { entryKey } from '../../../shared/store/keys.js'
import { annStream, draftMessage } from '../../helpers/entry-drafts.js'
import { until } from '../../helpers/until.js'

const clock = createClock()
const seqsOf = (packet: string): number[] => (JSON.parse(packet.slice(1)) as [string, Array<{ seq: number }>])[1].map(({ seq }) => seq)

/** A live stream with so many readers, of which the first notes its frames. */
function streamOf (fanOut: FanOut, readers: number, deliveryMs = 0): { stream: HubStream, frames: number[][], push: (chars?: number) => number } {
  const stream = new HubStream(annStream, { readHead: async stream => { stream.openAt(0) }, flush: fanOut.flush })
  stream.openAt(0)
  const frames: number[][] = []
  for (let i = 0; i < readers; i++) {
    const reader = {
      form: wholeForm,
      deliver: ({ packet }: { packet: string }) => {
        if (i === 0) frames.push(seqsOf(packet))
        const end = performance.now() + deliveryMs
        while (performance.now() < end);
      }
    }
    stream.readers.add(reader)
    stream.goLive(reader)
  }
  const push = (chars = 10): number => {
    const seq = clock.tick()
    if (stream.pending.length === 0) fanOut.schedule(stream)
    const draft = draftMessage(clock, { body: 'x'.repeat(chars) })
    stream.push(placeEntry(draft, entryKey(stream.id, stream.head), seq, null), stream.head, clock.now())
    return seq
  }
  return { stream, frames, push }
}

const endOfTurn = async (): Promise<void> => { await new Promise(resolve => setImmediate(resolve)) }

t.test('fan-out policy - what follows closely waits for as long as the last frame took, a quarter of that after a frame of one, 20 ms at most', async t => {
  const window = new BatchWindow()
  t.equal(window.dueAt(1_000), 0, 'nothing was handed out yet')
  window.handedOut(1, 1_000, 1_008)
  t.equal(window.dueAt(1_011), 1_013, 'within half the time of a frame of one')
  t.equal(window.dueAt(1_012), 0, 'later than that')
  window.handedOut(2, 1_000, 1_008)
  t.equal(window.dueAt(1_087), 1_095, 'within ten times that of a frame of several')
  t.equal(window.dueAt(1_088), 0)
  window.handedOut(2, 1_000, 1_500)
  t.equal(window.dueAt(1_600), 1_620)
})

t.test('fan-out policy - where nobody followed, ten frames wait for nothing, and then one looks again', async t => {
  const window = new BatchWindow()
  window.handedOut(1, 1_000, 1_008)
  t.equal(window.dueAt(1_009), 1_011)
  window.handedOut(1, 1_011, 1_019)
  for (let frame = 0; frame < 10; frame++) {
    t.equal(window.dueAt(1_020), 0)
    window.handedOut(1, 1_011, 1_019)
  }
  t.equal(window.dueAt(1_020), 1_022)
  window.handedOut(2, 1_011, 1_019)
  t.equal(window.dueAt(1_020), 1_028, 'somebody followed')
})

t.test('fan-out - one turn is one frame for few readers, however long a frame takes', async t => {
  const fanOut = createFanOut()
  const { stream, frames, push } = streamOf(fanOut, 99, 0.05)
  const seqs: number[][] = []
  for (let i = 0; i < 3; i++) {
    seqs.push([push(), push()])
    await endOfTurn()
  }
  t.same(frames, seqs)
  t.equal(stream.batchWindow, undefined)
  fanOut.close()
})

t.test('fan-out - a crowd\'s second frame waits for its window; another stream does not', async t => {
  const fanOut = createFanOut()
  // A process that is not given its turn within a window sees none: then once more.
  for (let attempt = 1; ; attempt++) {
    const crowd = streamOf(fanOut, 100, 0.2)
    const few = streamOf(fanOut, 1)
    const first = crowd.push()
    await endOfTurn()
    t.same(crowd.frames, [[first]])
    const second = crowd.push()
    const { dueAt } = crowd.stream
    const own = few.push()
    await endOfTurn()
    const waiting = [...crowd.frames]
    if (performance.now() >= dueAt && attempt < 100) continue
    t.ok(dueAt > 0)
    t.same(few.frames, [[own]])
    t.same(waiting, [[first]], 'it waits')
    const third = crowd.push()
    await until('the window has passed', () => crowd.frames.length > 1)
    t.same(crowd.frames, [[first], [second, third]])
    break
  }
  fanOut.close()
})

t.test('fan-out - a crowd that has become few has no window any more', async t => {
  const fanOut = createFanOut()
  const { stream, frames, push } = streamOf(fanOut, 100, 0.1)
  push()
  await endOfTurn()
  t.ok(stream.batchWindow)
  for (const reader of [...stream.live].slice(1)) stream.leaveLive(reader)
  const second = push()
  fanOut.flush(stream)
  t.same(frames.at(-1), [second])
  t.equal(stream.batchWindow, undefined)
  fanOut.close()
})

t.test('fan-out - a large frame leaves at once, the rest when it closes, nothing to nobody', async t => {
  const fanOut = createFanOut()
  const { stream, frames, push } = streamOf(fanOut, 1)
  const large = push(300_000)
  fanOut.flushLarge(stream)
  t.same(frames, [[large]])
  const small = push()
  fanOut.flushLarge(stream)
  t.same(frames, [[large]])
  fanOut.close()
  t.same(frames, [[large], [small]])
  for (const reader of stream.live) stream.leaveLive(reader)
  push()
  fanOut.flush(stream)
  t.equal(stream.pending.length, 0)
  t.equal(frames.length, 2)
})

t.test('fan-out - who goes live is sent nothing of what was pending: it stands behind that already', async t => {
  const fanOut = createFanOut()
  const { stream, frames, push } = streamOf(fanOut, 1)
  const late: number[][] = []
  const newcomer = { form: wholeForm, deliver: ({ packet }: { packet: string }) => { late.push(seqsOf(packet)) } }
  stream.readers.add(newcomer)
  const before = push()
  stream.goLive(newcomer)
  t.same(frames, [[before]], 'who was live has it')
  const after = push()
  fanOut.flush(stream)
  t.same(frames, [[before], [after]])
  t.same(late, [[after]])
  fanOut.close()
})

t.test('local stream - its states lead where its table says, and nowhere else', async t => {
  const make = (): HubStream => new HubStream('g:staff' as StreamId, { readHead: async () => {}, flush: () => {} })
  const stream = make()
  t.throws(() => { stream.become('filling') }, { message: 'stream g:staff: opening does not lead to filling' })
  stream.openAt(7)
  t.match(stream, { state: 'live', head: 7 })
  t.throws(() => { stream.openAt(8) })
  stream.become('filling')
  t.throws(() => { stream.become('opening') })
  stream.become('live')
  stream.become('closed')
  for (const state of ['opening', 'live', 'filling', 'closed'] as const) t.throws(() => { stream.become(state) })
})

t.test('local stream - the next entry is the one behind the head; the first of all is, where the stream is live', async t => {
  const stream = new HubStream(annStream, { readHead: async () => {}, flush: () => {} })
  t.notOk(stream.isNext(0), 'the head is not known yet')
  stream.openAt(7)
  t.ok(stream.isNext(7))
  t.ok(stream.isNext(0))
  t.notOk(stream.isNext(6))
  stream.become('filling')
  t.ok(stream.isNext(7))
  t.notOk(stream.isNext(0))
})
