/** Which sockets have which topics, for exact matches and for all topics that begin with a text. */
import { firstIndex } from '../../../shared/sorted.js'
import type { Session } from './session.js'

export interface Topics {
  add: (session: Session, topics: readonly string[]) => void
  remove: (session: Session, topics: readonly string[]) => void
  /** Every session that has a matching topic, once. */
  match: (topic: string, match: 'exact' | 'prefix') => ReadonlySet<Session>
}

const none: ReadonlySet<Session> = new Set()

export function createTopics (): Topics {
  const byTopic = new Map<string, Set<Session>>()
  /** All topics in order, made again after the set of topics changed, when a prefix is asked for. */
  let sorted: string[] | undefined

  return {
    add: (session, topics) => {
      for (const topic of topics) {
        let sessions = byTopic.get(topic)
        if (sessions === undefined) {
          byTopic.set(topic, sessions = new Set())
          sorted = undefined
        }
        sessions.add(session)
        session.addTopic(topic)
      }
    },
    remove: (session, topics) => {
      for (const topic of topics) {
        session.removeTopic(topic)
        const sessions = byTopic.get(topic)
        if (sessions?.delete(session) !== true || sessions.size > 0) continue
        byTopic.delete(topic)
        sorted = undefined
      }
    },
    match: (topic, match) => {
      if (match === 'exact') return byTopic.get(topic) ?? none
      const topics = sorted ??= [...byTopic.keys()].sort()
      const matching = new Set<Session>()
      for (let i = firstIndex(topics.length, at => topics[at]! < topic); topics[i]?.startsWith(topic) === true; i++) {
        for (const session of byTopic.get(topics[i]!)!) matching.add(session)
      }
      return matching
    }
  }
}
