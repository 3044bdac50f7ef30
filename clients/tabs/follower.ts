/**
 * The side of a tab that does not lead: links to the leading tab in the place of sockets, with the same events and requests. Once it has heard
 * nothing for a while it asks the leader for a sign of life, and says so when none comes.
 */
import type { ConnectionOptions } from '../connection.js'
import { createBackoff } from '../backoff.js'
import { asGatepostError, GatepostError, unreachable } from '../errors.js'
import type { Link } from '../link.js'
import { pause } from '../pause.js'
import type { Cursors } from '../protocol.js'
import type { FollowerMessage, LeaderMessage } from './messages.js'

export interface Follower {
  link (): Link | undefined
  hear (message: LeaderMessage): void
  /** The highest that was heard of. */
  readonly term: number
  begin (): void
  end (): void
}

export interface FollowerOptions extends Pick<ConnectionOptions, 'prepare' | 'cursors' | 'onReady' | 'events' | 'onError' | 'requestTimeoutMs' | 'retryBaseMs'> {
  tab: string
  post: (message: FollowerMessage) => void
  onState: (state: 'connecting' | 'offline' | 'live') => void
  /** The leader does not answer: it is frozen, stopped at a breakpoint, or gone. */
  onSilent: () => void
  /** What no retry mends. */
  onFatal: () => void
}

/** Together below the 5 s in which the tabs must go on, and long enough for a leader that is only busy. */
const quietMs = 1_000
const answerMs = 1_400
const jitterMs = 250
/** A timer that comes this late: this tab was stopped itself, and may have missed the answer. */
const sleptMs = 1_500

interface TabLink extends Link {
  settle (id: number, answer: unknown, error: GatepostError | undefined): void
  end (reason: string): void
}

export function createFollower (options: FollowerOptions): Follower {
  const { tab, post, prepare, cursors, onReady, events, onState, onError, requestTimeoutMs, retryBaseMs, onSilent, onFatal } = options
  let term = 0
  let count = 0
  let current: TabLink | undefined
  let user: string | undefined
  let preparing = false
  let heardMs = 0
  let watching: AbortController | undefined
  let requests = 0
  let isAsking = false

  function attach (): void {
    isAsking = true
    post({ type: 'attach', tab })
  }

  function drop (reason: string): void {
    const before = current
    current = undefined
    before?.end(reason)
  }

  function openLink ({ ready }: Extract<LeaderMessage, { type: 'ready' }>): TabLink {
    const pending = new Map<number, { resolve: (answer: unknown) => void, reject: (error: GatepostError) => void }>()
    let isOpen = true
    let sayEnded: (reason: string) => void
    const ended = new Promise<string>(resolve => { sayEnded = resolve })
    return {
      given: { user: ready.user, node: { id: ready.node, url: '' }, ticket: '', expiresAt: '', token: '' },
      isOwn: false,
      get isOpen () { return isOpen },
      ended,
      async request<T> (event: string, payload: unknown): Promise<T> {
        if (!isOpen) throw unreachable('the leading tab')
        requests += 1
        const id = requests
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
        else pending.get(id)?.reject(error)
      },
      end (reason) {
        if (!isOpen) return
        isOpen = false
        for (const { reject } of pending.values()) reject(unreachable('the leading tab', new Error(reason)))
        sayEnded(reason)
      },
      close () { this.end('closed') }
    }
  }

  function adopt (message: Extract<LeaderMessage, { type: 'ready' }>): void {
    const { ready, position, n } = message
    const had = cursors()
    const before = current
    const link = openLink(message)
    current = link
    count = n
    onReady(link, ready, message.isMove && before?.isOpen === true)
    onState('live')
    before?.end('another link')
    if (had !== undefined && current === link && isBehind(had, position, ready.heads)) events.onBehind(link)
  }

  /** What an earlier run kept is read before the first link; what is relayed meanwhile is asked for again. */
  async function getReady (name: string): Promise<void> {
    if (preparing) return
    preparing = true
    const backoff = createBackoff({ baseMs: retryBaseMs })
    const during = watching
    while (during?.signal.aborted === false) {
      try {
        await prepare(name)
        user = name
        break
      } catch (caught) {
        const error = asGatepostError(caught)
        onError(error)
        if (error.retry === 'never') {
          onFatal()
          break
        }
        onState('offline')
        await pause(backoff.next(error.retryAfterMs), during.signal)
      }
    }
    preparing = false
    if (watching !== undefined && user !== undefined) attach()
  }

  /** In its turn: false where something before it was lost, and with it perhaps the answer to a request. */
  function isNext (n: number): boolean {
    if (current === undefined) return false
    if (n === count + 1) {
      count = n
      return true
    }
    attach()
    return false
  }

  function take (message: LeaderMessage): void {
    switch (message.type) {
      case 'lead': return attach()
      case 'roll': return post({ type: 'here', tab })
      case 'state':
        drop(message.state)
        return onState(message.state)
      case 'ready': {
        const isAnswer = isAsking && message.to !== undefined
        if (isAnswer) isAsking = false
        // What was asked for has come by itself: to begin again would end the requests that are under way.
        if (isAnswer && current?.isOpen === true && message.n === count) return
        if (user === message.ready.user) adopt(message)
        else void getReady(message.ready.user)
        return
      }
      case 'entries':
        if (isNext(message.n) && current !== undefined) events.onEntries(current, message.entries)
        return
      case 'unread':
        if (isNext(message.n) && current !== undefined) events.onUnread(current, message.count)
        return
      case 'behind':
        if (isNext(message.n) && current !== undefined) events.onBehind(current)
        return
      case 'answer': {
        const { error } = message
        return current?.settle(message.id, message.answer, error && new GatepostError(error.code, error.message, { retryAfterMs: error.retryAfterMs }))
      }
      case 'alive':
        if (current === undefined || message.n !== count) attach()
    }
  }

  async function watch (signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const quietForMs = performance.now() - heardMs
      if (quietForMs < quietMs) {
        await pause(quietMs - quietForMs + Math.random() * jitterMs, signal)
        continue
      }
      const askedMs = performance.now()
      post({ type: 'probe', tab })
      await pause(answerMs + Math.random() * jitterMs, signal)
      const waitedMs = performance.now() - askedMs
      if (signal.aborted || heardMs >= askedMs || waitedMs > answerMs + jitterMs + sleptMs) continue
      heardMs = performance.now()
      onSilent()
    }
  }

  return {
    get term () { return term },
    link: () => current?.isOpen === true ? current : undefined,
    hear (message) {
      if (watching === undefined || message.term < term || (message.to !== undefined && message.to !== tab)) {
        if (message.term > term) term = message.term
        return
      }
      if (message.term > term) {
        term = message.term
        drop('another tab leads')
        onState('connecting')
        if (message.type !== 'lead' && message.type !== 'ready' && message.type !== 'state') attach()
      }
      // What is said to one tab is said by what a frozen leader runs too.
      if (message.to === undefined) heardMs = performance.now()
      take(message)
    },
    begin () {
      if (watching !== undefined) return
      watching = new AbortController()
      heardMs = performance.now()
      attach()
      void watch(watching.signal)
    },
    end () {
      watching?.abort()
      watching = undefined
      drop('this tab follows no more')
    }
  }
}

/** Whether the relay begins after the place where this reader stands. */
function isBehind (had: Cursors, position: Cursors, heads: Cursors): boolean {
  return Object.entries(heads).some(([stream, head]) => (had[stream] ?? 0) < (position[stream] ?? head))
}
