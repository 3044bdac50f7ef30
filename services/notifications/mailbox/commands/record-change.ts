/** A change in a user's own stream, answered once it and the fold that it leads to are stored, so that the change itself may expire. */
import { createMessageId, type Clock } from '../../../../shared/contract/clock.js'
import { userStream, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import type { EntryDoc } from '../../../../shared/store/store.js'
import type { StoredChange } from '../../log/change.js'
import type { EntryDraft } from '../../log/entry.js'
import { afterWriting } from '../../log/half-done.js'
import type { UserView, UserViews } from '../state/user-views.js'

/** The user's view with the change, since one that was asked for before may have been forgotten meanwhile, and then lacks it. GP_OUTCOME_UNKNOWN where it is not known whether it is stored. */
export type RecordChange = (user: UserId, change: StoredChange) => Promise<UserView>

export interface RecordChangeOptions {
  readonly clock: Clock
  readonly views: Pick<UserViews, 'storeFold'>
  readonly append: (stream: StreamId, draft: EntryDraft) => Promise<{ doc: EntryDoc }>
  readonly retentionMs: number
}

/** A change as a draft: new id, kept as long as a message. */
export function changeDraft (clock: Clock, retentionMs: number, change: StoredChange): EntryDraft {
  return { kind: 'change', id: createMessageId(clock.tick(), undefined), expiresAt: clock.latest() + retentionMs, text: JSON.stringify(change) }
}

export function createRecordChange ({ clock, views, append, retentionMs }: RecordChangeOptions): RecordChange {
  return async (user, change) => {
    const { doc } = await append(userStream(user), changeDraft(clock, retentionMs, change))
    return await afterWriting(async () => await views.storeFold(user, doc.seq))
  }
}
