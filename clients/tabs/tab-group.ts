/**
 * This tab among those of one user: one of them leads, and the others follow it over a channel.
 *
 *   resting   -> following  join()
 *   following -> leading    the lock was free, or the leader is silent and it was stolen
 *   leading   -> following  another tab has stolen the lock, or says that it leads
 *   any       -> resting    rest()
 */
import type { ConnectionOptions } from '../connection.js'
import { asGatepostError } from '../errors.js'
import { newKey } from '../key.js'
import type { Link } from '../link.js'
import { createFollower } from './follower.js'
import { createLeader, type Leader } from './leader.js'
import { createLeadership, type Leadership } from './leadership.js'
import { isFromLeader, type TabMessage } from './messages.js'

export interface TabGroup {
  link (): Link | undefined
  /** `name`: of the channel and the lock, the same in all tabs of the group. */
  join (name: string): void
  /** Leaves the others; may join again. */
  rest (): void
}

export interface TabGroupOptions extends ConnectionOptions {
  /** What no retry mends. */
  onFatal: () => void
  /** There are no locks here (a sandboxed frame). */
  onNoLocks: () => void
}

export function createTabGroup (options: TabGroupOptions): TabGroup {
  const { onState, onError, onFatal, onNoLocks } = options
  const tab = newKey()
  let membership: { name: string, channel: BroadcastChannel, leadership: Leadership } | undefined
  let leader: Leader | undefined
  let isProving = false

  const post = (message: TabMessage): void => { membership?.channel.postMessage(message) }
  const follower = createFollower({ ...options, tab, post, onState, onSilent: () => { membership?.leadership.steal() }, onFatal })

  /** The socket of this tab is for all. */
  function lead (): void {
    follower.end()
    // Time makes it later than the term of any leader that this tab has not heard of.
    const term = Math.max(Date.now(), follower.term + 1)
    leader = createLeader({ ...options, term, post, wake: prove })
    onState('connecting')
    post({ type: 'lead', term })
  }

  function stopLeading (): void {
    const was = leader
    leader = undefined
    was?.stop()
  }

  /** Another tab leads now. */
  function follow (): void {
    stopLeading()
    onState('connecting')
    membership?.leadership.ask()
    follower.begin()
  }

  // A frozen tab hears the channel and posts to it, but gets no lock: only a tab that runs comes to this answer.
  function prove (): void {
    if (isProving || membership === undefined) return
    isProving = true
    navigator.locks.request(`${membership.name}:${tab}`, () => { leader?.prove() })
      .catch((error: unknown) => { onError(asGatepostError(error)) })
      .finally(() => { isProving = false })
  }

  function hear (message: TabMessage): void {
    if (!isFromLeader(message)) return leader?.hear(message)
    if (leader === undefined) return follower.hear(message)
    // A leader that was robbed while it was frozen learns it here first.
    if (message.type === 'lead' && message.term > leader.term) {
      membership?.leadership.leave()
      follower.hear(message)
      follow()
    }
  }

  return {
    link: () => leader === undefined ? follower.link() : leader.link(),
    join (name) {
      if (membership !== undefined) return
      const channel = new BroadcastChannel(name)
      channel.onmessage = ({ data }: MessageEvent<TabMessage>) => { hear(data) }
      membership = { name, channel, leadership: createLeadership({ locks: navigator.locks, name, onLead: lead, onLose: follow, onFail: onNoLocks }) }
      membership.leadership.ask()
      follower.begin()
    },
    rest () {
      if (membership === undefined) return
      const { channel, leadership } = membership
      leadership.leave()
      stopLeading()
      follower.end()
      // A page in the cache is thrown out of it by the first message to a channel that is open.
      post({ type: 'bye', tab })
      channel.close()
      membership = undefined
      onState('connecting')
    }
  }
}
