/** The requests of all tabs on the leading tab's one socket: a topic is given up once no tab wants it, and the same `sync` goes out once. */
import { asGatepostError } from '../errors.js'
import type { Link } from '../link.js'
import type { TabTopics } from './tab-topics.js'

export type RelayedRequest = (tab: string, link: Link, event: string, payload: unknown) => Promise<unknown>

export function createRelayedRequest (topics: TabTopics): RelayedRequest {
  const syncs = new Map<string, Promise<unknown>>()

  async function sync (link: Link, payload: unknown): Promise<unknown> {
    // Tabs that miss the same entries ask for them at the same moment.
    const key = JSON.stringify(payload)
    const reply = syncs.get(key) ?? link.request('sync', payload).finally(() => { syncs.delete(key) })
    syncs.set(key, reply)
    return await reply
  }

  async function subscribe (tab: string, link: Link, payload: unknown): Promise<unknown> {
    const added = topics.add(tab, named(payload))
    try { return await link.request('subscribe', payload) } catch (error) {
      if (asGatepostError(error).retry === 'never') topics.remove(tab, added)
      throw error
    }
  }

  async function unsubscribe (tab: string, link: Link, payload: unknown): Promise<unknown> {
    const unwanted = topics.remove(tab, named(payload))
    return unwanted.length === 0 ? { topics: topics.of(tab) } : await link.request('unsubscribe', { topics: unwanted })
  }

  return async (tab, link, event, payload) => {
    switch (event) {
      case 'sync': return await sync(link, payload)
      case 'subscribe': return await subscribe(tab, link, payload)
      case 'unsubscribe': return await unsubscribe(tab, link, payload)
      default: return await link.request(event, payload)
    }
  }
}

const named = (payload: unknown): readonly string[] => (payload as { topics?: readonly string[] } | undefined)?.topics ?? []
