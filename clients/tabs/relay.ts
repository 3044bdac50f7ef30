/** The leading tab's side: what its socket brings goes to all tabs, and what they ask goes out on its socket. */
import { asGatepostError, unreachable, type GatepostError } from '../errors.js'
import type { Link } from '../link.js'
import type { Cursors, Entry, Ready, UnreadCount, VolatileMessage } from '../protocol.js'
import type { FollowerMessage, LeaderMessage, RelayedError } from './messages.js'
import { createRelayPosition } from './relay-position.js'
import { createRelayedRequest, type RelayedRequest } from './relayed-requests.js'
import { createTabTopics, self } from './tab-topics.js'

/** As a tab gives it to the channel: the relay adds its term. */
export type Unsigned<T> = T extends unknown ? Omit<T, 'term'> : never

export interface Relay {
  /** The topics of a handshake: this tab's own, and those of the others. */
  withTopics (own: readonly string[]): string[]
  /** The same link for this tab's inbox, which must not unsubscribe what other tabs want. */
  own (link: Link): Link
  /** `cursors`: those of the handshake. */
  onReady (link: Link, ready: Ready, isMove: boolean, cursors: Cursors | undefined): void
  onEntries (entries: ReadonlyArray<Entry | VolatileMessage>): void
  onUnread (count: UnreadCount): void
  onBehind (): void
  onState (state: 'connecting' | 'offline'): void
  hear (message: FollowerMessage): void
  /** Says that this tab runs: never called by what a frozen tab runs too. */
  prove (): void
  close (): void
}

export interface RelayOptions {
  term: number
  post: (message: LeaderMessage) => void
  /** Has the tab prove by and by that it is awake. */
  wake: () => void
  onError: (error: GatepostError) => void
}

const rollMs = 30_000

export function createRelay ({ term, post, wake, onError }: RelayOptions): Relay {
  const topics = createTabTopics()
  const request = createRelayedRequest(topics)
  const owned = new WeakMap<Link, Link>()
  const position = createRelayPosition()
  let sent: readonly string[] = []
  let n = 0

  const say = (message: Unsigned<LeaderMessage>): void => { post({ ...message, term }) }
  const relayed = (): number => { n += 1; return n }

  function welcome (to: string): void {
    const start = position.start()
    if ('state' in start) say({ type: 'state', to, ...start })
    else say({ type: 'ready', to, n, ...start, isMove: true })
  }

  async function answer (tab: string, { id, event, payload }: Extract<FollowerMessage, { type: 'request' }>): Promise<void> {
    const reply = position.link === undefined ? Promise.reject(unreachable('the leading tab')) : request(tab, position.link, event, payload)
    say({ type: 'answer', to: tab, id, ...await asResult(reply) })
  }

  function change (link: Link, event: 'subscribe' | 'unsubscribe', changed: readonly string[]): void {
    if (changed.length > 0) link.request(event, { topics: changed }).catch((error: unknown) => { if (link.isOpen) onError(asGatepostError(error)) })
  }

  function forget (tab: string): void {
    const unwanted = topics.forget(tab)
    if (position.link?.isOpen === true) change(position.link, 'unsubscribe', unwanted)
  }

  // A tab that ended without a word would keep its topics for ever.
  const roll = setInterval(() => {
    for (const tab of topics.silent()) forget(tab)
    if (topics.hasFollowers) say({ type: 'roll' })
  }, rollMs)

  return {
    withTopics (own) {
      topics.setOwn(own)
      sent = topics.wanted()
      return [...sent]
    },
    own (link) {
      const known = owned.get(link) ?? ownLink(link, request)
      owned.set(link, known)
      return known
    },
    onReady (link, ready, isMove, cursors) {
      position.begin(link, ready, cursors)
      say({ type: 'ready', n: relayed(), ready, position: cursors ?? ready.heads, isMove })
      // Of tabs that came between the handshake and its "ready".
      change(link, 'subscribe', topics.wanted().filter(topic => !sent.includes(topic)))
    },
    onEntries (entries) {
      position.move(entries)
      say({ type: 'entries', n: relayed(), entries })
    },
    onUnread (count) {
      position.setUnread(count)
      say({ type: 'unread', n: relayed(), count })
    },
    onBehind () { say({ type: 'behind', n: relayed() }) },
    onState (state) {
      position.end(state)
      say({ type: 'state', state })
    },
    hear (message) {
      const { tab, type } = message
      if (type === 'bye') return forget(tab)
      const isNew = topics.hear(tab)
      if (type === 'probe') wake()
      // One that was forgotten, or followed another leader, is to say its topics again.
      if (isNew || type === 'attach') welcome(tab)
      if (message.type === 'request') void answer(tab, message)
    },
    prove () { say({ type: 'alive', n }) },
    close () { clearInterval(roll) }
  }
}

/** The same link for the leading tab's inbox. */
function ownLink (link: Link, request: RelayedRequest): Link {
  return {
    given: link.given,
    isOwn: true,
    get isOpen () { return link.isOpen },
    ended: link.ended,
    request: async <T>(event: string, payload: unknown) => await request(self, link, event, payload) as T,
    close () { link.close() }
  }
}

async function asResult (reply: Promise<unknown>): Promise<{ answer: unknown } | { error: RelayedError }> {
  try { return { answer: await reply } } catch (caught) {
    const { code, message, retryAfterMs } = asGatepostError(caught)
    return { error: { code, message, retryAfterMs } }
  }
}
