/** The link that a following tab has in the place of a socket: requests go to the leading tab over the channel, and it answers them. */
import { GatepostError, unreachable } from '../errors.js'
import type { Link } from '../link.js'
import { pause } from '../pause.js'
import type { Ready } from '../protocol.js'
import type { FollowerMessage, RelayedError } from './messages.js'

export interface LeaderLink extends Link {
  /** The leading tab has answered a request of this link; other ids are passed over. */
  settle (id: number, answer: unknown, error: RelayedError | undefined): void
  end (reason: string): void
}

export interface LeaderLinkOptions {
  tab: string
  ready: Ready
  /** A number that no other request of this tab has. */
  nextId: () => number
  post: (message: FollowerMessage) => void
  requestTimeoutMs: number
}

export function createLeaderLink ({ tab, ready, nextId, post, requestTimeoutMs }: LeaderLinkOptions): LeaderLink {
  const pending = new Map<number, { resolve: (answer: unknown) => void, reject: (error: GatepostError) => void }>()
  let isOpen = true
  let sayEnded: (reason: string) => void
  const ended = new Promise<string>(resolve => { sayEnded = resolve })

  function end (reason: string): void {
    if (!isOpen) return
    isOpen = false
    for (const { reject } of pending.values()) reject(unreachable('the leading tab', new Error(reason)))
    sayEnded(reason)
  }

  return {
    given: { user: ready.user, node: { id: ready.node, url: '' }, ticket: '', expiresAt: '', token: '' },
    isOwn: false,
    get isOpen () { return isOpen },
    ended,
    async request<T> (event: string, payload: unknown): Promise<T> {
      if (!isOpen) throw unreachable('the leading tab')
      const id = nextId()
      const waiting = new AbortController()
      try {
        return await new Promise<T>((resolve, reject) => {
          pending.set(id, { resolve: resolve as (answer: unknown) => void, reject })
          post({ type: 'request', tab, id, event, payload })
          // The leading tab waits this long itself.
          void pause(requestTimeoutMs + 1_000, waiting.signal).then(() => { reject(unreachable('the leading tab')) })
        })
      } finally {
        pending.delete(id)
        waiting.abort()
      }
    },
    settle (id, answer, error) {
      if (error === undefined) pending.get(id)?.resolve(answer)
      else pending.get(id)?.reject(new GatepostError(error.code, error.message, { retryAfterMs: error.retryAfterMs }))
    },
    end,
    close () { end('closed') }
  }
}
