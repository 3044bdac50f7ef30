/**
 * The receiver of a message chooses one of its actions, once. Two devices may choose at the same moment on two nodes: a claim that is
 * inserted first says which action it is, then a change in the user's own stream tells it to all devices. Whoever meets a claim whose
 * change is missing completes it.
 */
import { lives } from '../../../../shared/contract/deadlines.js'
import { GatepostError, halfDone, refusal } from '../../../../shared/contract/errors.js'
import type { UserId } from '../../../../shared/contract/names.js'
import { claimKey } from '../../../../shared/store/keys.js'
import type { JsonDoc, Store } from '../../../../shared/store/store.js'
import { messageContent } from '../../log/entry.js'
import type { MessageFinder } from '../../log/find-messages.js'
import { afterWriting } from '../../log/half-done.js'
import { changedMessage, requireVisible, shownTo, type Found } from '../queries/find.js'
import { flagsOf } from '../state/user-state.js'
import type { UserView, UserViews } from '../state/user-views.js'
import type { RecordChange } from './record-change.js'

/** The message after it, as JSON text. Rejects with GP_NOT_FOUND, GP_CONFLICT (another action was chosen), GP_OUTCOME_UNKNOWN. */
export type Act = (user: UserId, id: string, action: string) => Promise<string>

export interface ActOptions {
  readonly store: Store
  readonly finder: MessageFinder
  /** By what messages expire, in ms since 1970. */
  readonly now: () => number
  readonly views: UserViews
  readonly record: RecordChange
}

const maxTries = 5

export function createAct ({ store, finder, now, views, record }: ActOptions): Act {
  async function choose (view: UserView, found: Found, action: string): Promise<{ chosen: string, after: UserView }> {
    requireOffered(found, action)
    const chosen = await claim(view, found, action)
    return { chosen, after: await afterWriting(async () => await record(view.user, { type: 'mark', messages: [changedMessage(found)], acted: chosen })) }
  }

  /** The action that was claimed first: this one where none was. Durable when it resolves. */
  async function claim (view: UserView, { doc }: Found, action: string): Promise<string> {
    const key = claimKey('act', view.stream, doc.id)
    const claimed: JsonDoc = { key, v: 0, purgeAt: doc.expiresAt + lives.claimMs, text: JSON.stringify({ action }) }
    const read = async (): Promise<JsonDoc | undefined> => (await store.get('claims', [key]))[0]
    let isInDoubt = false
    for (let tries = 0; tries < maxTries; tries++) {
      const [outcome] = await store.replace('claims', [{ was: undefined, doc: claimed }])
      if (outcome === 'done') return action
      if (outcome === 'refused' && !isInDoubt) throw new GatepostError('GP_STORE_UNAVAILABLE', `${store.refusal?.() ?? 'the store is not reachable'}; nothing was stored`)
      isInDoubt ||= outcome === 'unknown'
      const stored = await (isInDoubt ? afterWriting(read) : read())
      if (stored !== undefined) return (JSON.parse(stored.text) as { action: string }).action
    }
    throw halfDone(new GatepostError('GP_STORE_UNAVAILABLE', 'an action could not be claimed'))
  }

  return async (user, id, action) => {
    const view = await views.fresh(user)
    const found = await requireVisible({ finder, now }, view, id)
    const { stream, doc } = found
    const { acted } = flagsOf(view.state, stream, doc.seq, doc.category)
    const { chosen, after } = acted === undefined ? await choose(view, found, action) : { chosen: acted, after: view }
    if (chosen !== action) throw new GatepostError('GP_CONFLICT', refusal('action', action, `only ${JSON.stringify(chosen)}, which was chosen before`).message)
    return shownTo(after, found)
  }
}

/** Throws GP_NOT_FOUND. */
function requireOffered ({ doc }: Found, action: string): void {
  if (doc.boxes === 'sent') throw new GatepostError('GP_NOT_FOUND', 'id: this user sent the message and did not receive it')
  if (messageContent(doc).actions?.some(({ id }) => id === action) !== true) throw new GatepostError('GP_NOT_FOUND', 'action: the message has no action of this id')
}
