/** What a node writes down while it is cut off, and that writing it down never stands in the way of storing. */
import t, { type Test } from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { createSilentLog } from '../../../shared/platform/log.js'
import { userStream, type NodeId } from '../../../shared/contract/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { createOutageLog } from '../../../services/notifications/node/outage-log.js'
import { createAppender } from '../../../services/notifications/log/appender.js'
import { startTestNode } from '../../helpers/dispatch-nodes.js'
import { dayMs, draftMessage } from '../../helpers/entry-drafts.js'
import { createMemoryStore, type Fate } from '../../helpers/memory-store.js'
import { until } from '../../helpers/until.js'

function start (t: Test, before?: () => Promise<Fate | undefined>) {
  const hub = createInProcessBus()
  const { dispatch, id } = startTestNode(t, { id: 'n1', bus: hub.connect('n1') })
  const store = createMemoryStore({ before: async () => { await new Promise(resolve => setImmediate(resolve)); return await before?.() } })
  const clock = createClock()
  const log = createSilentLog()
  const outageLog = createOutageLog({ nodeId: id, dispatch, store, clock, log })
  const appender = createAppender({ store, clock, log, onAppended: () => {}, beforeStoring: outageLog.beforeStoring })
  const stored = (stream: string): EntryDoc[] => store.all<EntryDoc>('entries').filter(doc => doc.key.slice(4).startsWith(`${stream}\t`))
  return { hub, store, dispatch, clock, outageLog, appender, stored }
}

t.test('node log - while cut off, streams appended to at any moment are all stored and all named', async t => {
  const { hub, clock, outageLog, appender, stored } = start(t)
  hub.disconnect('n1')
  const appends: Array<Promise<unknown>> = []
  // Several turns of the event loop, so that groups of appends overlap in every way.
  for (let turn = 0; turn < 20; turn++) {
    for (let i = 0; i < 5; i++) appends.push(appender.append(userStream(`user${turn}-${i}`), draftMessage(clock)))
    await new Promise(resolve => setImmediate(resolve))
  }
  let done = 0
  for (const append of appends) append.then(() => { done++ }, () => {})
  await until('all are stored', () => done === appends.length, 5_000)
  const names = await outageLog.read('n1' as NodeId)
  t.equal(new Set(names).size, 100)
  t.equal(stored('n:n1').length, 100, 'each name once')
})

t.test('node log - nothing is written while the link is there, and a new break begins anew', async t => {
  const { hub, dispatch, clock, appender, stored } = start(t)
  const ann = userStream('ann')
  await appender.append(ann, draftMessage(clock))
  t.equal(stored('n:n1').length, 0)
  for (let breaks = 1; breaks <= 2; breaks++) {
    hub.disconnect('n1')
    await appender.append(ann, draftMessage(clock))
    await appender.append(ann, draftMessage(clock))
    t.equal(stored('n:n1').length, breaks)
    hub.reconnect('n1')
    await until('the link is proven', () => dispatch.isResponsive)
    await appender.append(ann, draftMessage(clock))
  }
})

t.test('node log - what a node wrote down under a wrong clock is read like the rest', async t => {
  const { hub, outageLog, store, appender } = start(t)
  hub.disconnect('n1')
  for (const [user, skewMs] of [['ahead', 40 * dayMs], ['behind', -40 * dayMs]] as const) {
    const wrong = createClock(() => Date.now() + skewMs)
    wrong.heardOf(Date.now())
    const wrongLog = createOutageLog({ nodeId: user as NodeId, dispatch: { isResponsive: false }, store, clock: wrong, log: createSilentLog() })
    await wrongLog.beforeStoring([userStream('ann')])
    await wrongLog.beforeStoring([userStream(user)])
    t.same(await outageLog.read(user as NodeId), [userStream('ann'), userStream(user)])
  }
  await appender.settled()
})
