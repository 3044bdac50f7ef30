/**
 * The topics that the application wants, and their way to the sockets: each handshake carries them, and what
 * changes between a handshake and its "ready" is sent after it.
 */
import type { Given } from './assignments.js'
import { asGatepostError } from './errors.js'
import type { Link } from './link.js'
import type { Target } from './protocol.js'

export interface TopicSet {
  list (): string[]
  /** Whether a message with this target is for this inbox. */
  hears (to: Target): boolean
  subscribe (topics: readonly string[]): Promise<string[]>
  unsubscribe (topics: readonly string[]): Promise<string[]>
  /** The topics for the handshake of this assignment: `settle` sends what changes before its link is ready. */
  forHandshake (given: Given): string[]
  settle (link: Link): Promise<void>
}

export function createTopicSet ({ initial, link }: { initial: Iterable<string>, link: () => Link | undefined }): TopicSet {
  const wanted = new Set(initial)
  const carried = new WeakMap<Given, readonly string[]>()

  async function tell (event: 'subscribe' | 'unsubscribe', topics: readonly string[], undo: () => void): Promise<string[]> {
    const to = link()
    if (to !== undefined && topics.length > 0) {
      try { await to.request(event, { topics }) } catch (caught) {
        const error = asGatepostError(caught)
        if (error.retry === 'never') {
          undo()
          throw error
        }
        // On a link that has ended the next handshake carries them; on one that is open the caller may try again.
        if (to.isOpen) throw error
      }
    }
    return [...wanted]
  }

  const add = (topics: readonly string[]): void => { for (const topic of topics) wanted.add(topic) }
  const drop = (topics: readonly string[]): void => { for (const topic of topics) wanted.delete(topic) }

  return {
    list: () => [...wanted],
    hears: to => !('topic' in to) || wanted.has(to.topic) || (to.match === 'prefix' && [...wanted].some(topic => topic.startsWith(to.topic))),
    subscribe (topics) {
      const added = topics.filter(topic => !wanted.has(topic))
      add(added)
      return tell('subscribe', topics, () => drop(added))
    },
    unsubscribe (topics) {
      const dropped = topics.filter(topic => wanted.has(topic))
      drop(dropped)
      return tell('unsubscribe', topics, () => add(dropped))
    },
    forHandshake (given) {
      const topics = [...wanted]
      carried.set(given, topics)
      return topics
    },
    async settle (to) {
      const sent = carried.get(to.given) ?? []
      const missing = [...wanted].filter(topic => !sent.includes(topic))
      const surplus = sent.filter(topic => !wanted.has(topic))
      if (missing.length > 0) await to.request('subscribe', { topics: missing })
      if (surplus.length > 0) await to.request('unsubscribe', { topics: surplus })
    }
  }
}
