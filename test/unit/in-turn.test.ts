/** Work of one name comes one after the other; of different names side by side. */
import t from 'tap'
import { InTurn } from '../../shared/platform/in-turn.js'

t.test('in turn - in the order asked, whatever became of the work before, each caller with its own outcome', async t => {
  const inTurn = new InTurn()
  const steps: string[] = []
  let end!: () => void
  const held = new Promise<void>(resolve => { end = resolve })
  const first = inTurn.run('a', async () => { steps.push('a1'); await held; steps.push('a1 ends'); throw new Error('first') })
  const second = inTurn.run('a', async () => { steps.push('a2'); return 2 })
  t.equal(await inTurn.run('b', async () => { steps.push('b1'); return 'b' }), 'b', 'another name does not wait')
  t.same(steps, ['a1', 'b1'])
  end()
  await t.rejects(first, { message: 'first' })
  t.equal(await second, 2)
  t.same(steps, ['a1', 'b1', 'a1 ends', 'a2'])
  t.equal(await inTurn.run('a', async () => 3), 3)
})
