/** Which sockets have which topics, for exact matches and for all topics that begin with a text. */
import { createSortedTexts } from '../../../shared/platform/sorted-texts.js'
import type { Connection } from './connection.js'

export interface Topics {
  add: (connection: Connection, topics: readonly string[]) => void
  remove: (connection: Connection, topics: readonly string[]) => void
  /** Every connection that has a matching topic, once. */
  match: (topic: string, match: 'exact' | 'prefix') => ReadonlySet<Connection>
}

const none: ReadonlySet<Connection> = new Set()

export function createTopics (): Topics {
  const byTopic = new Map<string, Set<Connection>>()
  const sorted = createSortedTexts()

  return {
    add: (connection, topics) => {
      for (const topic of topics) {
        let connections = byTopic.get(topic)
        if (connections === undefined) {
          byTopic.set(topic, connections = new Set())
          sorted.add(topic)
        }
        connections.add(connection)
        connection.addTopic(topic)
      }
    },
    remove: (connection, topics) => {
      for (const topic of topics) {
        connection.removeTopic(topic)
        const connections = byTopic.get(topic)
        if (connections?.delete(connection) !== true || connections.size > 0) continue
        byTopic.delete(topic)
        sorted.remove(topic)
      }
    },
    match: (topic, match) => {
      if (match === 'exact') return byTopic.get(topic) ?? none
      const matching = new Set<Connection>()
      for (const known of sorted.beginningWith(topic)) for (const connection of byTopic.get(known)!) matching.add(connection)
      return matching
    }
  }
}
