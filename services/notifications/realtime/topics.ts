/** Which sockets have which topics, for exact matches and for all topics that begin with a text. */
import { createSortedTexts } from '../../../shared/platform/sorted-texts.js'
import type { Session } from './connection.js'

export interface Topics {
  add: (session: Session, topics: readonly string[]) => void
  remove: (session: Session, topics: readonly string[]) => void
  /** Every session that has a matching topic, once. */
  match: (topic: string, match: 'exact' | 'prefix') => ReadonlySet<Session>
}

const none: ReadonlySet<Session> = new Set()

export function createTopics (): Topics {
  const byTopic = new Map<string, Set<Session>>()
  const sorted = createSortedTexts()

  return {
    add: (session, topics) => {
      for (const topic of topics) {
        let sessions = byTopic.get(topic)
        if (sessions === undefined) {
          byTopic.set(topic, sessions = new Set())
          sorted.add(topic)
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
        sorted.remove(topic)
      }
    },
    match: (topic, match) => {
      if (match === 'exact') return byTopic.get(topic) ?? none
      const matching = new Set<Session>()
      for (const known of sorted.beginningWith(topic)) for (const session of byTopic.get(known)!) matching.add(session)
      return matching
    }
  }
}
