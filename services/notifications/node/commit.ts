/**
 * What an entry does once it is durable, whoever appended it: everything in memory that it concerns takes note.
 *
 * | it was appended | who calls |
 * | --- | --- |
 * | here | the appender; the entry is broadcast after it |
 * | by its stream's node, for this one | node/forwarder.ts |
 * | elsewhere, and broadcast | pushes.ts |
 * | elsewhere, and the broadcast was lost | nobody: realtime/hub.ts reads it and passes it on |
 */
import type { StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import type { Hub } from '../realtime/hub.js'
import type { UnreadCounter } from '../mailbox/unread/unread.js'
import type { UserViews } from '../mailbox/state/user-views.js'
import type { Heads } from '../log/heads.js'

export type Commit = (stream: StreamId, doc: EntryDoc) => void

export interface CommitOptions {
  readonly heads: Pick<Heads, 'see'>
  readonly hub: Pick<Hub, 'get' | 'accept'>
  readonly views: Pick<UserViews, 'accept'>
  readonly unread: Pick<UnreadCounter, 'accept'>
}

export function createCommit ({ heads, hub, views, unread }: CommitOptions): Commit {
  return (stream, doc) => {
    heads.see(stream, doc)
    // Where it has readers the hub passes it on in its order, to the user's view and the counts too (realtime/connected-users.ts).
    if (hub.get(stream) !== undefined) hub.accept(stream, doc)
    else if (stream.startsWith('u:')) views.accept(stream, doc)
    else unread.accept(stream, doc)
  }
}
