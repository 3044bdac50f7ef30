/** One handshake: Gate assigns a node, and a link to it is opened. What a failed one says counts for the next: another node, or polling first. */
import type { Assignments, Given } from './assignments.js'
import { asGatepostError, GatepostError, isTokenRefused } from './errors.js'
import { openLink, type Link, type LinkEvents, type LinkOptions } from './link.js'
import type { Cursors } from './protocol.js'
import { countAlong } from './unread-tally.js'

export interface HandshakeOptions {
  assignments: Assignments
  /** Called before each handshake; what it throws counts as a failed try. */
  prepare: (user: string) => Promise<void>
  /** Where the reader stands; undefined = it has not begun. */
  cursors: () => Cursors | undefined
  /** Those that the handshake with this node carries. */
  topics: (given: Given) => readonly string[]
  readyTimeoutMs: number
  requestTimeoutMs: number
}

/** Returns what makes a handshake; `signal` cuts one short that is under way. */
export function createHandshake (
  { assignments, prepare, cursors, topics, readyTimeoutMs, requestTimeoutMs }: HandshakeOptions, signal: AbortSignal
): (events: LinkEvents) => Promise<Link> {
  /** A try that ended without a word from the node: a proxy may take WebSockets and pass nothing on. */
  let isPollingFirst = false

  return async events => {
    const given = await assignments.fresh()
    await prepare(given.user)
    try {
      const open = (form: LinkOptions['form']): Promise<Link> => openLink({ given, form, cursors: cursors(), topics: topics(given), isPollingFirst, signal, readyTimeoutMs, requestTimeoutMs, events: countAlong(events) })
      const link = await open(2).catch((error: unknown) => {
        // A node of a version before form 2 knows it not.
        if (asGatepostError(error).code === 'GP_VALIDATION') return open(1)
        throw error
      })
      assignments.forgive(given.node.id)
      return link
    } catch (error) {
      const refusal = asGatepostError(error)
      // Gate has just taken the user's token: what was refused is the ticket made of it, and another one may do.
      if (isTokenRefused(refusal)) throw new GatepostError('GP_TICKET_EXPIRED', refusal.message, { cause: refusal })
      if (refusal.code === 'GP_UNREACHABLE') isPollingFirst = true
      if (refusal.code === 'GP_UNREACHABLE' || refusal.code === 'GP_DRAINING') assignments.avoid(given.node.id)
      throw refusal
    }
  }
}
