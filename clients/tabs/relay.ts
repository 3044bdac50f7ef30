/** The leading tab's side: what its socket brings goes to all tabs, and what they ask goes out on its socket. */
import { asGatepostError, unreachable, type GatepostError } from '../errors.js'
import type { Link } from '../link.js'
import type { Cursors, Entry, Ready, UnreadCount, VolatileMessage } from '../protocol.js'
import { createTails } from '../sequencer.js'
import type { FollowerMessage, LeaderMessage } from './messages.js'

/** As a tab gives it to the channel: the relay adds its term. */
export type Unsigned<T> = T extends unknown ? Omit<T, 'term'> : never

export interface Relay {
  /** The topics of a handshake: this tab's own, and those of the others. */
  withTopics (own: readonly string[]): string[]
  /** The same link for this tab's inbox, which must not unsubscribe what other tabs want. */
  own (link: Link): Link
  /** `cursors`: those of the handshake. */
  onReady (link: Link, ready: Ready, isMove: boolean, cursors: Cursors | undefined): void
  onEntries (entries: ReadonlyArray<Entry | VolatileMessage>): void
  onUnread (count: UnreadCount): void
  onBehind (): void
  onState (state: 'connecting' | 'offline'): void
  hear (message: FollowerMessage): void
  /** Says that this tab runs: never called by what a frozen tab runs too. */
  prove (): void
  close (): void
}

export interface RelayOptions {
  term: number
  post: (message: LeaderMessage) => void
  /** Has the tab prove by and by that it is awake. */
  wake: () => void
  onError: (error: GatepostError) => void
}

const rollMs = 30_000
/** Stands for this tab among those that want topics. */
const self = ''

export function createRelay ({ term, post, wake, onError }: RelayOptions): Relay {
  const tabs = new Map<string, Set<string>>([[self, new Set()]])
  /** Who has been heard since the last roll-call. */
  let heard = new Set<string>()
  const owned = new WeakMap<Link, Link>()
  const syncs = new Map<string, Promise<unknown>>()
  let live: { link: Link, ready: Ready } | undefined
  let state: 'connecting' | 'offline' = 'connecting'
  let sent: readonly string[] = []
  let position = createTails()
  let heads = createTails()
  let n = 0

  const say = (message: Unsigned<LeaderMessage>): void => { post({ ...message, term }) }
  const relayed = (): number => { n += 1; return n }
  const wanted = (): Set<string> => new Set([...tabs.values()].flatMap(topics => [...topics]))

  function welcome (to: string): void {
    if (live?.link.isOpen !== true) return say({ type: 'state', to, state })
    say({ type: 'ready', to, n, ready: { ...live.ready, heads: heads.all() }, position: position.all(), isMove: true })
  }

  async function request (tab: string, link: Link, event: string, payload: unknown): Promise<unknown> {
    const topics = tabs.get(tab)
    const named = (payload as { topics?: readonly string[] } | undefined)?.topics ?? []
    if (event === 'sync') {
      // Tabs that miss the same ask the same, at the same moment: one question.
      const key = JSON.stringify(payload)
      const asked = syncs.get(key) ?? link.request(event, payload).finally(() => { syncs.delete(key) })
      syncs.set(key, asked)
      return await asked
    }
    if (event === 'unsubscribe') {
      for (const topic of named) topics?.delete(topic)
      const left = wanted()
      const unwanted = named.filter(topic => !left.has(topic))
      return unwanted.length === 0 ? { topics: [...topics ?? []] } : await link.request(event, { topics: unwanted })
    }
    if (event === 'subscribe') {
      const added = named.filter(topic => topics?.has(topic) === false)
      for (const topic of added) topics?.add(topic)
      try { return await link.request(event, payload) } catch (error) {
        if (asGatepostError(error).retry === 'never') for (const topic of added) topics?.delete(topic)
        throw error
      }
    }
    return await link.request(event, payload)
  }

  async function answer (tab: string, id: number, event: string, payload: unknown): Promise<void> {
    try {
      const link = live?.link
      if (link === undefined) throw unreachable('the leading tab')
      say({ type: 'answer', to: tab, id, answer: await request(tab, link, event, payload) })
    } catch (caught) {
      const { code, message, retryAfterMs } = asGatepostError(caught)
      say({ type: 'answer', to: tab, id, error: { code, message, retryAfterMs } })
    }
  }

  function forget (tab: string): void {
    const topics = tabs.get(tab)
    tabs.delete(tab)
    const link = live?.link
    if (topics === undefined || topics.size === 0 || link?.isOpen !== true) return
    const left = wanted()
    const unwanted = [...topics].filter(topic => !left.has(topic))
    if (unwanted.length > 0) link.request('unsubscribe', { topics: unwanted }).catch((error: unknown) => { if (link.isOpen) onError(asGatepostError(error)) })
  }

  // A tab that ended without a word would keep its topics for ever.
  const roll = setInterval(() => {
    for (const tab of tabs.keys()) if (tab !== self && !heard.has(tab)) forget(tab)
    heard = new Set()
    if (tabs.size > 1) say({ type: 'roll' })
  }, rollMs)

  return {
    withTopics (own) {
      tabs.set(self, new Set(own))
      sent = [...wanted()]
      return [...sent]
    },
    own (link) {
      const known = owned.get(link)
      if (known !== undefined) return known
      const made: Link = {
        given: link.given,
        isOwn: true,
        get isOpen () { return link.isOpen },
        ended: link.ended,
        request: async <T>(event: string, payload: unknown) => await request(self, link, event, payload) as T,
        close () { link.close() }
      }
      owned.set(link, made)
      return made
    },
    onReady (link, ready, isMove, cursors) {
      live = { link, ready }
      position = createTails(cursors ?? ready.heads)
      heads = createTails(ready.heads)
      say({ type: 'ready', n: relayed(), ready, position: position.all(), isMove })
      // Of tabs that came between the handshake and its "ready".
      const missing = [...wanted()].filter(topic => !sent.includes(topic))
      if (missing.length > 0) link.request('subscribe', { topics: missing }).catch((error: unknown) => { if (link.isOpen) onError(asGatepostError(error)) })
    },
    onEntries (entries) {
      for (const entry of entries) {
        if (entry.stream === undefined) continue
        position.move(entry)
        heads.move(entry)
      }
      say({ type: 'entries', n: relayed(), entries })
    },
    onUnread (count) {
      if (live !== undefined) live = { ...live, ready: { ...live.ready, ...count } }
      say({ type: 'unread', n: relayed(), count })
    },
    onBehind () { say({ type: 'behind', n: relayed() }) },
    onState (to) {
      state = to
      live = undefined
      say({ type: 'state', state })
    },
    hear (message) {
      const { tab, type } = message
      if (type === 'bye') return forget(tab)
      heard.add(tab)
      const isNew = !tabs.has(tab)
      if (isNew) tabs.set(tab, new Set())
      if (type === 'probe') wake()
      // One that was forgotten, or followed another leader, is to say its topics again.
      if (isNew || type === 'attach') welcome(tab)
      if (type === 'request') void answer(tab, message.id, message.event, message.payload)
    },
    prove () { say({ type: 'alive', n }) },
    close () { clearInterval(roll) }
  }
}
