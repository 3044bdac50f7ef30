/** The states of a user's unread number, and what counts as news. */
import t from 'tap'
import type { UserId } from '../../../shared/contract/names.js'
import { UserNotifier } from '../../../services/notifications/realtime/user-notifier.js'

const create = (): UserNotifier => new UserNotifier('ann' as UserId, new Set(), { ride: () => undefined, touch: () => {} })

t.test('user notifier - its states lead where its table says, and nowhere else', async t => {
  const all = ['idle', 'due', 'reading', 'resting'] as const
  const leads = { idle: ['due'], due: ['reading', 'resting'], reading: ['resting'], resting: ['idle'] }
  const ways = { idle: [], due: ['due'], reading: ['due', 'reading'], resting: ['due', 'resting'] } as const
  for (const from of all) {
    for (const to of all) {
      const notifier = create()
      for (const state of ways[from]) notifier.become(state)
      if (leads[from].includes(to)) {
        notifier.become(to, 7)
        t.match(notifier, { state: to, until: 7 })
      } else t.throws(() => { notifier.become(to) }, { message: `unread number of ann: ${from} does not lead to ${to}` })
    }
  }
})

t.test('user notifier - a number is news once, until nobody knows what the sockets were sent', async t => {
  const notifier = create()
  const counted = { unread: { unread: 1, byCategory: { general: 1 } }, nextExpiryMs: 9 }
  t.equal(notifier.newsIn(counted), '{"unread":1,"byCategory":{"general":1}}')
  t.equal(notifier.nextExpiryMs, 9)
  t.equal(notifier.newsIn({ ...counted, nextExpiryMs: 10 }), undefined)
  t.equal(notifier.nextExpiryMs, 10)
  notifier.forget()
  t.equal(notifier.newsIn(counted), '{"unread":1,"byCategory":{"general":1}}')
})
