/**
 * Taking a message back: in each stream that holds it, a change says so first, then what it said is erased. Receivers
 * come first, the sender's own copy last: as long as that one is not recalled, trying again completes the rest.
 */
import { parseMessageId, toMs, type Clock } from '../../../../shared/contract/clock.js'
import type { Target } from '../../../../shared/contract/message.js'
import { receiversOf } from '../../../../shared/contract/target.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import type { StreamId, UserId } from '../../../../shared/contract/names.js'
import type { EntryDoc, MessageDoc, Store } from '../../../../shared/store/store.js'
import type { RecallChange } from '../../log/change.js'
import { messageContent, type EntryDraft } from '../../log/entry.js'
import { erase } from '../../log/erase.js'
import type { MessageFinder } from '../../log/find-messages.js'
import { afterWriting, allWritten } from '../../log/half-done.js'
import type { UserViews } from '../state/user-views.js'
import { changedMessage, findVisible, notFound, shownTo } from '../queries/find.js'
import { changeDraft } from './record-change.js'
import type { Sender } from './post.js'

export const recallWithinMs = 2 * 60_000

export interface Recall {
  /** The message as its sender is shown it then, as JSON text. GP_NOT_FOUND, GP_NOT_SENDER, GP_RECALL_EXPIRED, GP_OUTCOME_UNKNOWN. */
  byUser: (user: UserId, id: string) => Promise<string>
  /** GP_NOT_FOUND, GP_NOT_SENDER, GP_OUTCOME_UNKNOWN. `to` as it was sent. */
  byProducer: (sender: Sender, id: string, to: Target) => Promise<void>
}

export interface RecallOptions {
  readonly store: Store
  readonly finder: MessageFinder
  readonly clock: Clock
  /** By what messages expire, in ms since 1970. */
  readonly now: () => number
  readonly views: UserViews
  readonly append: (stream: StreamId, draft: EntryDraft) => Promise<{ doc: EntryDoc }>
  readonly retentionMs: number
}

export function createRecall ({ store, finder, clock, now, views, append, retentionMs }: RecallOptions): Recall {
  async function recallIn (stream: StreamId, doc: MessageDoc): Promise<void> {
    if (doc.recalled > 0) return
    const change: RecallChange = { type: 'recall', message: changedMessage({ stream, doc }), sender: doc.sender }
    const { doc: stored } = await append(stream, changeDraft(clock, retentionMs, change))
    await afterWriting(async () => { await erase(store, stream, doc.seq, stored.seq) })
  }

  /** Every receiver's copy that is still there. Throws GP_NOT_SENDER. */
  async function copiesIn (streams: readonly StreamId[], sender: Sender, id: string): Promise<Array<{ stream: StreamId, doc: MessageDoc }>> {
    const docs = await Promise.all(streams.map(async stream => ({ stream, doc: (await finder.find(stream, [id])).get(id) })))
    const own = docs.filter((found): found is { stream: StreamId, doc: MessageDoc } => found.doc?.sender === sender)
    if (own.length === 0 && docs.some(({ doc }) => doc !== undefined)) throw new GatepostError('GP_NOT_SENDER', 'id: another one sent it')
    return own
  }

  return {
    byUser: async (user, id) => {
      const view = await views.fresh(user)
      const found = await findVisible({ finder, now }, view, id)
      if (found === undefined) throw notFound()
      const { stream, doc } = found
      if (doc.sender !== view.stream) throw new GatepostError('GP_NOT_SENDER', 'id: another one sent it')
      if (doc.recalled === 0) {
        const sentAt = toMs(parseMessageId(id)!.time)
        const receivers = receiversOf(messageContent(doc).to as Target).map(receiver => receiver.stream).filter(receiver => receiver !== stream)
        const copies = await copiesIn(receivers, view.stream as Sender, id)
        // One that was begun in time is completed whenever it is asked for again.
        const isBegun = copies.some(copy => copy.doc.recalled > 0)
        if (!isBegun && clock.earliest() - sentAt > recallWithinMs) throw new GatepostError('GP_RECALL_EXPIRED', `id: sent at ${new Date(sentAt).toISOString()}; a recall takes at most 2 minutes`)
        await allWritten(copies.map(async copy => { await recallIn(copy.stream, copy.doc) }))
        const recallOwn = async (): Promise<void> => { await recallIn(stream, doc) }
        await (copies.length === 0 ? recallOwn() : afterWriting(recallOwn))
      }
      const [after] = await afterWriting(async () => await store.get('entries', [doc.key]))
      return shownTo(view, { stream, doc: after?.kind === 'message' ? after : doc })
    },
    byProducer: async (sender, id, to) => {
      if (parseMessageId(id) === undefined) throw new GatepostError('GP_NOT_FOUND', 'id: no message has it')
      const copies = await copiesIn(receiversOf(to).map(({ stream }) => stream), sender, id)
      if (copies.length === 0) throw new GatepostError('GP_NOT_FOUND', 'id: no message to this target has it')
      await allWritten(copies.map(async copy => { await recallIn(copy.stream, copy.doc) }))
    }
  }
}
