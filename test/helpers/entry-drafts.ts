/** Entries as their authors fix them, with what most tests do not care about filled in. */
import type { Action } from '../../shared/contract/action.js'
import { createMessageId, type Clock } from '../../shared/contract/clock.js'
import { userStream, type StreamId } from '../../shared/contract/names.js'
import type { MessageDoc } from '../../shared/store/store.js'
import { createAppender } from '../../services/notifications/log/appender.js'
import type { EntryDraft, MessageContent } from '../../services/notifications/log/entry.js'
import { createSilentLog } from '../../shared/platform/log.js'
import type { Store } from '../../shared/store/store.js'
import type { StoredChange } from '../../services/notifications/log/change.js'

export const dayMs = 24 * 3_600_000

export interface DraftOptions {
  readonly home?: StreamId
  readonly sender?: string
  readonly category?: string
  readonly boxes?: MessageDoc['boxes']
  readonly ttlMs?: number
  readonly body?: string
  readonly actions?: readonly Action[]
}

export function draftMessage (clock: Clock, { home, sender = 'p:shop', category = 'general', boxes = 'inbox', ttlMs = 30 * dayMs, body = 'text', actions }: DraftOptions = {}): EntryDraft & { kind: 'message' } {
  const createdAtMs = clock.now()
  const from: MessageContent['from'] = sender.startsWith('u:') ? { user: sender.slice(2) } : { producer: sender.slice(2) }
  const content: MessageContent = {
    from, to: { user: 'ann' }, title: null, body, data: null, category, createdAt: new Date(createdAtMs).toISOString(), expiresAt: new Date(createdAtMs + ttlMs).toISOString(), boxes: boxes === 'both' ? ['inbox', 'sent'] : [boxes],
    ...actions !== undefined && { url: null, actions }
  }
  return {
    kind: 'message', id: createMessageId(clock.tick(), home), sender, category, boxes, recalled: 0, expiresAt: createdAtMs + ttlMs,
    text: JSON.stringify(content).slice(1, -1)
  }
}

export const draftChange = (clock: Clock, change: StoredChange): EntryDraft =>
  ({ kind: 'change', id: createMessageId(clock.tick(), undefined), expiresAt: clock.now() + 30 * dayMs, text: JSON.stringify(change) })

/** An appender without anyone to tell. */
export const plainAppender = (store: Store, clock: Clock): ReturnType<typeof createAppender> =>
  createAppender({ store, clock, log: createSilentLog(), onAppended: () => {} })

export const annStream = userStream('ann')
