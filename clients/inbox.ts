import { checkOptions } from './arguments.js'
import type { ConnectionState } from './connection.js'
import type { InboxOptions } from './inbox-options.js'
import { openInbox } from './open-inbox.js'
import type { SendOptions } from './outbox.js'
import type { Cursors, ListQuery, Message, OutgoingMessage, Page, SendAnswer, UnreadCount } from './protocol.js'

export type { InboxOptions, Timing } from './inbox-options.js'

export interface Inbox {
  readonly state: ConnectionState
  /** Whose inbox it is; undefined until Gate has said so. */
  readonly user: string | undefined
  /** As the node said last. */
  readonly unread: UnreadCount
  readonly topics: readonly string[]
  /** The last entry of each stream that has come; empty until it is live for the first time. */
  readonly cursors: Cursors
  /** How many sends wait for their answer. */
  readonly queuedSends: number
  /** Resolves as soon as it is live; rejects once it is closed. */
  whenLive (): Promise<void>
  /** Resolves when the message is stored. Waits while offline; tried again under the same key, never stored twice. */
  send (message: OutgoingMessage, options?: SendOptions): Promise<SendAnswer>
  list (query?: ListQuery): Promise<Page>
  get (id: string): Promise<Message>
  countUnread (): Promise<UnreadCount>
  /** These messages; or all up to cursors, of a category, or (with `{}`) all. */
  markRead (what: string | readonly string[] | { upTo?: Cursors, category?: string }): Promise<UnreadCount>
  markUnread (id: string): Promise<Message>
  archive (id: string, archived?: boolean): Promise<Message>
  /** Chooses one of the message's actions, once: GP_CONFLICT where another one was chosen. */
  act (id: string, action: string): Promise<Message>
  remove (id: string): Promise<void>
  /** Takes back a message that this user sent, within 2 minutes. */
  recall (id: string): Promise<void>
  /** All topics of this inbox from now on. */
  subscribe (...topics: string[]): Promise<string[]>
  unsubscribe (...topics: string[]): Promise<string[]>
  /** A new token of the same user, where the inbox was given a text and not a function. */
  refresh (token: string): Promise<void>
  /** May be called again. Waits until what was not sent is in the storage, and for a callback that runs, at most 5 s. */
  close (): Promise<void>
}

export function createInbox (options: InboxOptions): Inbox {
  checkOptions(options, ['onEntry', 'onVolatile', 'onUnread', 'onState', 'onSent', 'onError'])
  const { connection, stored, reader, unread, topicSet, outbox, mailbox, tokens, whenLive, close } = openInbox(options)

  return {
    get state () { return connection.state },
    get user () { return stored.user },
    get unread () { return unread.count },
    get topics () { return topicSet.list() },
    get cursors () { return reader.cursors() ?? {} },
    get queuedSends () { return outbox.waiting },
    whenLive,
    send: (message, sendOptions) => outbox.send(message, sendOptions),
    list: query => mailbox.list(query),
    get: id => mailbox.get(id),
    countUnread: () => mailbox.countUnread(),
    async markRead (what) {
      if (typeof what === 'string') return await unread.markRead([what])
      if (isList(what)) return await unread.markRead(what)
      return await mailbox.markRead(what)
    },
    markUnread: id => mailbox.update(id, { read: false }),
    archive: (id, archived = true) => mailbox.update(id, { archived }),
    act: (id, action) => mailbox.act(id, action),
    remove: id => mailbox.remove(id),
    recall: id => mailbox.recall(id),
    subscribe: (...topics) => topicSet.subscribe(topics),
    unsubscribe: (...topics) => topicSet.unsubscribe(topics),
    async refresh (token) {
      tokens.replace(token)
      await connection.link()?.request('refresh', { token })
    },
    close
  }
}

const isList = (value: unknown): value is readonly string[] => Array.isArray(value)
