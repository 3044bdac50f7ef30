/**
 * The side of a tab that does not lead: links to the leading tab in the place of sockets, with the same events and requests. Once it has heard
 * nothing for a while it asks the leader for a sign of life, and says so when none comes.
 */
import type { ConnectionOptions } from '../connection.js'
import { createBackoff } from '../backoff.js'
import { asGatepostError } from '../errors.js'
import type { Link } from '../link.js'
import { pause } from '../pause.js'
import type { FollowerMessage, LeaderMessage } from './messages.js'
import { createRelayedStream } from './relayed-stream.js'
import { createSilenceWatch } from './silence-watch.js'

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

export function createFollower (options: FollowerOptions): Follower {
  const { tab, post, onState, onSilent } = options
  const relayed = createRelayedStream({ ...options, onLive: () => { onState('live') } })
  const silence = createSilenceWatch({ probe: () => { post({ type: 'probe', tab }) }, onSilent })
  let term = 0
  let following: AbortController | undefined
  let user: string | undefined
  let isPreparing = false
  let isAttaching = false

  function attach (): void {
    isAttaching = true
    post({ type: 'attach', tab })
  }

  /** What an earlier run kept is read before the first link; what is relayed meanwhile is asked for again. */
  async function prepareFor (name: string): Promise<void> {
    if (isPreparing || following === undefined) return
    isPreparing = true
    if (await isPrepared(name, options, following.signal)) user = name
    isPreparing = false
    if (following !== undefined && user !== undefined) attach()
  }

  function onReady (message: Extract<LeaderMessage, { type: 'ready' }>): void {
    const isAnswer = isAttaching && message.to !== undefined
    if (isAnswer) isAttaching = false
    // What was asked for has come by itself.
    if (isAnswer && relayed.has(message)) return
    if (user === message.ready.user) relayed.adopt(message)
    else void prepareFor(message.ready.user)
  }

  function take (message: LeaderMessage): void {
    switch (message.type) {
      case 'lead': return attach()
      case 'roll': return post({ type: 'here', tab })
      case 'state':
        relayed.drop(message.state)
        return onState(message.state)
      case 'ready': return onReady(message)
      default: if (!relayed.take(message)) attach()
    }
  }

  return {
    get term () { return term },
    link: relayed.link,
    hear (message) {
      const isOfNewTerm = message.term > term
      if (isOfNewTerm) term = message.term
      if (following === undefined || message.term < term || (message.to !== undefined && message.to !== tab)) return
      if (isOfNewTerm) {
        relayed.drop('another tab leads')
        onState('connecting')
        if (message.type !== 'lead' && message.type !== 'ready' && message.type !== 'state') attach()
      }
      // What is said to one tab is said by what a frozen leader runs too.
      if (message.to === undefined) silence.heard()
      take(message)
    },
    begin () {
      if (following !== undefined) return
      following = new AbortController()
      attach()
      silence.begin()
    },
    end () {
      following?.abort()
      following = undefined
      silence.end()
      relayed.drop('this tab follows no more')
    }
  }
}

/** Tries until the user's state is restored; false where no retry mends it, or the signal came first. */
async function isPrepared (name: string, { prepare, onState, onError, onFatal, retryBaseMs }: FollowerOptions, signal: AbortSignal): Promise<boolean> {
  const backoff = createBackoff({ baseMs: retryBaseMs })
  while (!signal.aborted) {
    try {
      await prepare(name)
      return true
    } catch (caught) {
      const error = asGatepostError(caught)
      onError(error)
      if (error.retry === 'never') {
        onFatal()
        return false
      }
      onState('offline')
      await pause(backoff.next(error.retryAfterMs), signal)
    }
  }
  return false
}
