/** Choosing an action over a store that refuses, loses, keeps silent and is late: one action is chosen, and no answer says too much. */
import fc from 'fast-check'
import t from 'tap'
import { createClock } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { UserId } from '../../../shared/contract/names.js'
import type { EntryDoc, JsonDoc } from '../../../shared/store/store.js'
import { parseChange } from '../../../services/notifications/log/change.js'
import { createMessageFinder } from '../../../services/notifications/log/find-messages.js'
import { createHeads } from '../../../services/notifications/log/heads.js'
import { createAct } from '../../../services/notifications/mailbox/commands/act.js'
import { createRecordChange } from '../../../services/notifications/mailbox/commands/record-change.js'
import { createUserViews } from '../../../services/notifications/mailbox/state/user-views.js'
import { annStream, dayMs, draftMessage, plainAppender } from '../../helpers/entry-drafts.js'
import { createMemoryStore, type Fate } from '../../helpers/memory-store.js'

const ann = 'ann' as UserId
const actions = ['yes', 'no', 'later'].map(id => ({ id, label: id }))
const came = new Set<string>()

async function run (asked: readonly string[], fates: readonly Fate[]): Promise<void> {
  const clock = createClock()
  const left = [...fates]
  const late: Array<() => void> = []
  const store = createMemoryStore({
    before: ({ collection, kind }) => {
      if (collection !== 'claims') return undefined
      const fate = left.shift()
      return kind === 'replace' ? fate : fate === 'refused' ? fate : undefined
    },
    onLate: land => { late.push(land) }
  })
  const { append } = plainAppender(store, clock)
  const { doc } = await append(annStream, draftMessage(clock, { actions }))
  const startNode = () => {
    const heads = createHeads({ store, clock })
    const views = createUserViews({ store, heads, clock })
    return createAct({ store, finder: createMessageFinder({ store }), now: clock.now, views, record: createRecordChange({ clock, views, append, retentionMs: dayMs }) })
  }
  const nodes = [startNode(), startNode()]
  const chosen = (): string | undefined => {
    const [claim] = store.all<JsonDoc>('claims')
    return claim === undefined ? undefined : (JSON.parse(claim.text) as { action: string }).action
  }
  for (const [i, action] of asked.entries()) {
    const before = chosen()
    try {
      const { acted } = JSON.parse(await nodes[i % 2]!(ann, doc.id, action)) as { acted: string }
      if (acted !== action || chosen() !== action) throw new Error(`answered ${acted} for ${action}, chosen is ${chosen()}`)
      came.add('done')
    } catch (error) {
      if (!(error instanceof GatepostError)) throw error
      came.add(error.code)
      for (const land of late.splice(0)) land()
      // Surely not stored: not by this one.
      if (error.code === 'GP_STORE_UNAVAILABLE' && chosen() !== before) throw new Error(`refused, and ${chosen()} was chosen`)
      if (error.code === 'GP_CONFLICT' && (chosen() === undefined || chosen() === action)) throw new Error(`a conflict of ${action} with ${chosen()}`)
    }
  }
  left.splice(0)
  const last = chosen() ?? 'yes'
  for (const act of nodes) if ((JSON.parse(await act(ann, doc.id, last)) as { acted: string }).acted !== last) throw new Error('the same again is answered otherwise')
  const acted = store.all<EntryDoc>('entries').flatMap(entry => {
    const change = entry.kind === 'change' ? parseChange(entry) : undefined
    return change?.type === 'mark' ? [change.acted] : []
  })
  if (acted.length === 0 || acted.some(one => one !== last)) throw new Error(`${last} was chosen, told of was ${acted.join()}`)
}

t.test('act - over a store that refuses, loses and keeps silent', async t => {
  const fate = fc.constantFrom<Fate>('done', 'refused', 'lost', 'unsaid', 'late')
  await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom(...actions.map(({ id }) => id)), { minLength: 1, maxLength: 5 }), fc.array(fate, { maxLength: 8 }), run), { numRuns: 400, seed: Number(process.env['GATEPOST_TEST_SEED'] ?? 1) })
  t.same([...came].sort(), ['GP_CONFLICT', 'GP_OUTCOME_UNKNOWN', 'GP_STORE_UNAVAILABLE', 'done'])
})
