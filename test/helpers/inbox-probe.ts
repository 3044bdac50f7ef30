/** An inbox that writes down all it gets, with short pauses and its own teardown. */
import type { Test } from 'tap'
import { createInbox, type ConnectionState, type Cursors, type Entry, type GatepostError, type Inbox, type InboxOptions, type KeyValueStorage, type SendOutcome, type UnreadCount, type VolatileMessage } from '../../clients/index.js'

export interface Probe {
  inbox: Inbox
  entries: Entry[]
  cursors: () => Cursors
  volatile: VolatileMessage[]
  states: ConnectionState[]
  errors: GatepostError[]
  unread: UnreadCount[]
  sent: SendOutcome[]
}

export const shortTiming = { readyTimeoutMs: 3_000, requestTimeoutMs: 400, patienceMs: 3_000, retryBaseMs: 20 }

export function probeInbox (t: Test, options: InboxOptions): Probe {
  let last: Cursors = {}
  const probe: Omit<Probe, 'inbox'> = { entries: [], cursors: () => last, volatile: [], states: [], errors: [], unread: [], sent: [] }
  const inbox = createInbox({
    timing: shortTiming,
    ...options,
    async onEntry (entry, cursors) {
      await options.onEntry?.(entry, cursors)
      last = cursors
      probe.entries.push(entry)
    },
    onVolatile: message => { probe.volatile.push(message) },
    onState: state => { probe.states.push(state) },
    onError: error => { probe.errors.push(error) },
    onUnread: count => { probe.unread.push(count) },
    onSent: outcome => { probe.sent.push(outcome) }
  })
  t.teardown(async () => { await inbox.close() })
  return { inbox, ...probe }
}

export const bodies = (entries: readonly Entry[]): string[] => entries.flatMap(entry => entry.type === 'message' ? [entry.body ?? ''] : [])

/** Every stream's entries in order, none twice, each joined to the one before. */
export function faultsOfOrder (entries: readonly Entry[]): string[] {
  const tails = new Map<string, number>()
  return entries.flatMap(entry => {
    const tail = tails.get(entry.stream)
    tails.set(entry.stream, entry.seq)
    if (tail === undefined || entry.prev === tail) return []
    return [`${entry.stream}: ${entry.seq} (prev ${entry.prev}) after ${tail}`]
  })
}

export function memoryStorage (initial: Record<string, string> = {}): KeyValueStorage & { kept: Map<string, string> } {
  const kept = new Map(Object.entries(initial))
  return {
    kept,
    getItem: key => kept.get(key) ?? null,
    setItem: (key, value) => { kept.set(key, value) }
  }
}
