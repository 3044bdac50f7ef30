/** Loading and storing a view: what comes in while it is done. */
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import type { EntryDoc, Store } from '../../../shared/store/store.js'
import { groupStream, type UserId } from '../../../shared/contract/names.js'
import { flagsOf } from '../../../services/notifications/mailbox/state/user-state.js'
import { createUserStore } from '../../../services/notifications/mailbox/state/user-store.js'
import { annStream, draftChange, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore } from '../../helpers/memory-store.js'

t.test('user store - where another node has stored, nothing is lost that comes in while its fold is read and folded on', async t => {
  const clock = createClock()
  const memory = createMemoryStore()
  const { append } = plainAppender(memory, clock)
  const read = async (seq: number): Promise<EntryDoc> => (await append(annStream, draftChange(clock, { type: 'readTo', readTo: { [groupStream(`${seq}`)]: seq } }))).doc
  let onRead = async (): Promise<void> => {}
  const store: Store = {
    ...memory,
    range: async (...args) => {
      const docs = await memory.range(...args)
      if (args[0] === 'entries') await onRead()
      return docs
    }
  }
  const ann = 'ann' as UserId
  const here = createUserStore({ store, clock })
  const there = createUserStore({ store: memory, clock })
  const view = await here.load(ann)
  const first = await read(1)
  await there.storeFold(await there.load(ann), first.seq)
  view.take(first, clock.now)
  const second = await read(2)
  view.take(second, clock.now)
  onRead = async () => {
    onRead = async () => {}
    view.take(await read(3), clock.now)
  }
  await here.storeFold(view, second.seq)
  t.ok(view.head > second.seq, 'one came in')
  t.same([1, 2, 3].map(seq => flagsOf(view.state, groupStream(`${seq}`), seq, 'general').read), [true, true, true])
  await here.storeFold(view, view.head)
  const again = await there.load(ann)
  t.same([1, 2, 3].map(seq => flagsOf(again.state, groupStream(`${seq}`), seq, 'general').read), [true, true, true])
})
