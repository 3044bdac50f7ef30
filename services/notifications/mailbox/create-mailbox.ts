/** What users own, and all that is done with it: commands append to streams, queries read them and the state that they add up to. */
import type { Clock } from '../../../shared/contract/clock.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { Audit } from '../../../shared/platform/audit.js'
import { noRules, type AuthSettings } from '../../../shared/platform/settings/settings.js'
import type { Store } from '../../../shared/store/store.js'
import { createMessageFinder } from '../log/find-messages.js'
import type { Heads } from '../log/heads.js'
import { createAct, type Act } from './commands/act.js'
import { createGroups, type Groups } from './commands/groups.js'
import { createIdempotencyRecords } from './commands/idempotency.js'
import { createMarks, type Marks } from './commands/marks.js'
import { createPost, type Post, type PostOptions } from './commands/post.js'
import { createRecordChange } from './commands/record-change.js'
import { createRecall, type Recall } from './commands/recall.js'
import { createInboxPages, type InboxPages } from './queries/inbox-pages.js'
import { createInspect, type Inspect } from './queries/inspect.js'
import type { UserViews } from './state/user-views.js'
import type { UnreadCounter } from './unread/unread.js'

export interface Mailbox {
  readonly views: UserViews
  readonly unread: UnreadCounter
  readonly pages: InboxPages
  readonly post: Post
  readonly marks: Marks
  readonly act: Act
  readonly groups: Groups
  readonly recall: Recall
  /** For operators. */
  readonly inspect: Inspect
}

export interface MailboxOptions extends Pick<PostOptions, 'append' | 'refusalOf' | 'sendVolatile' | 'sendToTopic'> {
  readonly store: Store
  readonly clock: Clock
  /** By what messages end, in ms since 1970. */
  readonly expiryNow: () => number
  readonly heads: Heads
  readonly views: UserViews
  readonly unread: UnreadCounter
  readonly audit: Audit
  readonly retentionMs: number
  readonly auth: Pick<AuthSettings, 'rules'>
  /** The first one makes the hashes of idempotency records; all of them check. */
  readonly secrets: readonly string[]
  /** No process of version 0.1 can take part. */
  readonly hasNoFormer: boolean
  /** Whether this node is the one that appends to a stream. */
  readonly isOwn: (stream: StreamId) => boolean
}

export function createMailbox ({ store, clock, expiryNow, heads, views, unread, audit, retentionMs, auth, secrets, hasNoFormer, isOwn, append, refusalOf, sendVolatile, sendToTopic }: MailboxOptions): Mailbox {
  const finder = createMessageFinder({ store })
  const record = createRecordChange({ clock, views, append, retentionMs })
  const pages = createInboxPages({ store, heads, views, now: clock.now })
  return {
    views,
    unread,
    pages,
    inspect: createInspect({ store, finder, views, unread, pages }),
    post: createPost({
      clock,
      views,
      append,
      refusalOf,
      retentionMs,
      areStoredTogether: streams => store.isAtomic === true && streams.every(isOwn),
      takesClaims: store.insertClaimed !== undefined,
      claims: createIdempotencyRecords({ store, clock, secrets, isKeyed: hasNoFormer }),
      sendVolatile,
      sendToTopic
    }),
    marks: createMarks({ store, finder, now: expiryNow, heads, views, unread, record }),
    act: createAct({ store, finder, now: expiryNow, views, record }),
    groups: createGroups({ store, clock, heads, views, append, retentionMs, way: (auth.rules ?? noRules).groups, audit }),
    recall: createRecall({ store, finder, clock, now: expiryNow, views, append, retentionMs })
  }
}
