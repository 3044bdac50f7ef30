/** The tab that leads: its own connection, and the relay that gives the other tabs a part in it. */
import { createConnection, type ConnectionOptions, type ConnectionState } from '../connection.js'
import type { Link } from '../link.js'
import type { Cursors } from '../protocol.js'
import type { FollowerMessage, LeaderMessage } from './messages.js'
import { createRelay } from './relay.js'

export interface Leader {
  readonly term: number
  link (): Link | undefined
  hear (message: FollowerMessage): void
  /** Says that this tab runs: never called by what a frozen tab runs too. */
  prove (): void
  /** Ends it: its connection says nothing more. */
  stop (): void
}

export interface LeaderOptions extends ConnectionOptions {
  term: number
  post: (message: LeaderMessage) => void
  /** Has the tab prove by and by that it is awake. */
  wake: () => void
}

export function createLeader ({ term, post, wake, ...options }: LeaderOptions): Leader {
  const relay = createRelay({ term, post, wake, onError: options.onError })
  let isLeading = true
  /** Those of the last handshake. */
  let cursors: Cursors | undefined

  const isCurrent = (link: Link): boolean => isLeading && connection.link() === link

  function onState (state: ConnectionState): void {
    if (!isLeading) return
    if (state === 'connecting' || state === 'offline') relay.onState(state)
    options.onState(state)
  }

  const connection = createConnection({
    ...options,
    cursors: () => (cursors = options.cursors()),
    topics: given => relay.withTopics(options.topics(given)),
    onReady (link, ready, isMove) {
      if (!isLeading) return
      relay.onReady(link, ready, isMove, cursors)
      options.onReady(relay.own(link), ready, isMove)
    },
    events: {
      onEntries (link, entries) {
        if (!isLeading) return
        relay.onEntries(entries)
        options.events.onEntries(relay.own(link), entries)
      },
      onUnread (link, count) {
        if (!isCurrent(link)) return
        relay.onUnread(count)
        options.events.onUnread(relay.own(link), count)
      },
      onBehind (link) {
        if (!isCurrent(link)) return
        relay.onBehind()
        options.events.onBehind(relay.own(link))
      }
    },
    onState,
    onError: error => { if (isLeading) options.onError(error) }
  })

  return {
    term,
    link () {
      const link = connection.link()
      return link === undefined ? undefined : relay.own(link)
    },
    hear: relay.hear,
    prove: relay.prove,
    stop () {
      isLeading = false
      relay.close()
      connection.close()
    }
  }
}
