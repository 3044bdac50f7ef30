/** The conversation with the user whose message is open. */
import type { Inbox } from '../inbox.js'
import type { Entry, Message } from '../protocol.js'
import type { Actions } from './actions.js'
import { compare } from './model/messages.js'
import { partnerOf } from './model/people.js'
import { isBetween } from './model/reduce.js'
import { isUnread } from './model/tab.js'
import type { Store } from './store.js'

export interface Threads {
  read (user: string): Promise<void>
  /** What has come while the conversation is on the screen has been read. */
  see (entries: readonly Entry[]): void
  /** To the user or the group that the message came from. */
  reply (message: Message, text: string): Promise<void>
}

export interface ThreadsOptions {
  store: Store
  inbox: Pick<Inbox, 'list' | 'send' | 'user'>
  actions: Actions
  onFailure: (error: unknown) => void
}

const size = 50

export function createThreads ({ store, inbox, actions, onFailure }: ThreadsOptions): Threads {
  const { dispatch } = store
  const threadOf = (user: string): typeof store.state.thread => store.state.thread?.user === user ? store.state.thread : undefined

  function markRead (user: string, messages: readonly Message[]): void {
    actions.perform('markRead', messages.filter(message => isUnread(message) && !message.archived && isBetween(message, user, inbox.user)), { isQuiet: true })
  }

  function setSending (user: string | undefined, change: (texts: readonly string[]) => readonly string[]): void {
    const thread = user === undefined ? undefined : threadOf(user)
    if (thread !== undefined) dispatch({ type: 'thread', thread: { ...thread, sending: change(thread.sending) } })
  }

  async function reply (message: Message, text: string): Promise<void> {
    const user = partnerOf(message, inbox.user)
    const to = user !== undefined ? { user } : 'group' in message.to ? { group: message.to.group } : undefined
    if (to === undefined) return
    setSending(user, texts => [...texts, text])
    try {
      await inbox.send({ to, body: text })
      if (user === undefined) dispatch({ type: 'toast', toast: { kind: 'sent' } })
    } catch (error) {
      actions.fail('send', () => { void reply(message, text) })
      onFailure(error)
    }
    setSending(user, texts => texts.filter((_, i) => i !== texts.indexOf(text)))
  }

  return {
    reply,
    /** Both directions; a node lists what was received and what was sent apart. */
    async read (user) {
      dispatch({ type: 'thread', thread: { user, status: 'loading', messages: [], sending: [] } })
      try {
        const parts = await Promise.all((['inbox', 'archived', 'sent'] as const).map(async box => (await inbox.list({ with: user, box, limit: size })).messages))
        const thread = threadOf(user)
        if (thread === undefined) return
        const messages = new Map([...parts.flat(), ...thread.messages].filter(message => isBetween(message, user, inbox.user)).map(message => [message.id, message]))
        dispatch({ type: 'thread', thread: { ...thread, status: 'ready', messages: [...messages.values()].sort(compare).reverse() } })
        markRead(user, parts.flat())
      } catch (error) {
        const thread = threadOf(user)
        if (thread !== undefined) dispatch({ type: 'thread', thread: { ...thread, status: 'failed' } })
        onFailure(error)
      }
    },
    see (entries) {
      const { thread } = store.state
      if (thread !== undefined) markRead(thread.user, entries.filter(entry => entry.type === 'message'))
    }
  }
}
