/** One node of three loses the store, which the others reach: what is posted into its streams is stored by them. */
import t from 'tap'
import { appendRules } from '../../../services/notifications/log/appender.js'
import { startNodes } from '../../helpers/in-process-nodes.js'
import { until } from '../../helpers/until.js'

t.test('a node that lost the store - others append to its streams, at first after it has refused, then without asking it', async t => {
  const { hub, session, stores, userOf } = await startNodes(t, ['n1', 'n2', 'n3'], { rules: { ...appendRules, giveUpMs: 100 } })
  const [ann, bob] = [session(userOf('n1'), 'n1'), session(userOf('n2'), 'n3')]
  let asked = 0
  t.teardown(hub.lose(({ from, to, subject }) => {
    if (from === 'n1' && to === 'n2' && subject.includes('ask')) asked++
    return false
  }))
  const titles: string[] = []
  const post = async (): Promise<void> => {
    titles.push(`no ${titles.length}`)
    await ann.send({ to: { user: bob.user }, title: titles.at(-1) })
  }
  await post()
  t.ok(asked > 0, 'its owner is asked')

  stores.n2!.isAway = true
  await post() // which its owner refuses, unless its heartbeat has said so
  await until('its heartbeat has said so', async () => {
    const before = asked
    await post()
    return asked === before
  })

  stores.n2!.isAway = false
  await until('asked again', async () => {
    const before = asked
    await post()
    return asked > before
  })
  t.same((await bob.list()).map(({ title }) => title as string).sort(), titles.sort(), 'each once')
})
