/** Whose sockets are here: with connections that have nothing but a user. */
import t from 'tap'
import { userStream, type UserId } from '../../../shared/contract/names.js'
import type { Connection } from '../../../services/notifications/realtime/connection.js'
import { ConnectionsByUser } from '../../../services/notifications/realtime/connections-by-user.js'

const connectionOf = (user: string): Connection => ({ user }) as unknown as Connection

t.test('connections by user - a user is here, with the view kept and one notifier, from the first socket to the last', async t => {
  const pinned: string[] = []
  const pin = (user: UserId) => {
    pinned.push(user)
    return () => { pinned.splice(pinned.indexOf(user), 1) }
  }
  const here = new ConnectionsByUser({ views: { pin }, numbers: { ride: () => undefined, touch: () => {} } })
  const [first, second, other] = [connectionOf('ann'), connectionOf('ann'), connectionOf('bob')]
  const ann = userStream('ann')
  for (const connection of [first, second, other]) here.add(connection)
  t.same(pinned, ['ann', 'bob'])
  t.equal(here.userCount, 2)
  t.equal(here.connections.size, 3)
  t.same([...here.get(ann)!.connections], [first, second])
  t.equal(first.turn, second.turn)
  t.not(first.turn, other.turn)
  here.remove(first)
  here.remove(first)
  t.same([...here.get(ann)!.connections], [second])
  t.same(pinned, ['ann', 'bob'])
  here.remove(second)
  t.equal(here.get(ann), undefined)
  t.same([...here.users()].map(({ user }) => user), ['bob'])
  t.same([...here.connections], [other])
  t.same(pinned, ['bob'])
})
