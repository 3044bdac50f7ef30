/** What a framework's hooks show of an inbox: a snapshot that is replaced when something changed. */
import type { ConnectionState } from './connection.js'
import { asGatepostError } from './errors.js'
import { createInbox, type Inbox, type InboxOptions } from './inbox.js'
import type { UnreadCount } from './protocol.js'
import { holdSession } from './session.js'
import type { TokenSource } from './tokens.js'

/** As createInbox takes them; without a gate or a token (nobody is signed in yet) there is no inbox. */
export interface InboxHookOptions extends Omit<InboxOptions, 'gate' | 'token'> {
  gate: string | null | undefined
  token: TokenSource | null | undefined
}

export interface InboxSnapshot {
  /** Undefined on a server, before the first effect, and while nobody is signed in. */
  readonly inbox: Inbox | undefined
  readonly state: ConnectionState | 'idle'
  readonly unread: UnreadCount
}

export interface InboxStore {
  readonly snapshot: InboxSnapshot
  /** Callbacks are always the latest ones; the rest counts when an inbox is made: for another gate or another user. */
  set (options: InboxHookOptions | undefined): void
  /** Returns what ends it. */
  subscribe (listener: () => void): () => void
}

export const emptySnapshot: InboxSnapshot = Object.freeze({ inbox: undefined, state: 'idle', unread: Object.freeze({ unread: 0, byCategory: {} }) })

export function createInboxStore (): InboxStore {
  const listeners = new Set<() => void>()
  let latest: InboxHookOptions | undefined
  let snapshot = emptySnapshot

  function change (to: Partial<InboxSnapshot>): void {
    snapshot = { ...snapshot, ...to }
    for (const listener of listeners) listener()
  }

  const holder = holdSession(session => {
    let isHeld = true
    const inbox = createInbox({
      ...latest,
      ...session,
      onEntry: (entry, cursors) => latest?.onEntry?.(entry, cursors),
      onVolatile: message => latest?.onVolatile?.(message),
      onSent: outcome => latest?.onSent?.(outcome),
      onError: error => latest?.onError?.(error),
      onState (state) {
        if (isHeld) change({ state })
        return latest?.onState?.(state)
      },
      onUnread (unread) {
        if (isHeld) change({ unread })
        return latest?.onUnread?.(unread)
      }
    })
    return {
      inbox,
      close () {
        isHeld = false
        void inbox.close()
      }
    }
  }, error => latest?.onError?.(asGatepostError(error)))

  return {
    get snapshot () { return snapshot },
    set (options) {
      latest = options
      const { gate, token } = options ?? {}
      const isWanted = typeof gate === 'string' && token !== null && token !== undefined && token !== ''
      if (!holder.set(isWanted ? { gate, token } : undefined)) return
      const inbox = holder.held?.inbox
      change(inbox === undefined ? emptySnapshot : { inbox, state: inbox.state, unread: inbox.unread })
    },
    subscribe (listener) {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    }
  }
}
