import type { ConnectionState } from './connection.js'
import { clientDeadlines } from './deadlines.js'
import type { GatepostError } from './errors.js'
import type { SendOutcome } from './outbox.js'
import type { Cursors, Entry, UnreadCount, VolatileMessage } from './protocol.js'
import type { KeyValueStorage } from './storage.js'
import type { TokenSource } from './tokens.js'

export interface InboxOptions {
  /** Gate's address, such as https://site.example; '' for the page's own. */
  gate: string
  token: TokenSource
  /** Topics of volatile messages to hear from the start. */
  topics?: Iterable<string>
  /**
   * Where to begin: the cursors that the application kept with what it did. Without them those in `storage` count;
   * without either, only what comes from now on is delivered.
   */
  cursors?: Cursors
  /** Keeps cursors and waiting sends over a restart; one for each inbox that runs, or another `storageKey`. */
  storage?: KeyValueStorage
  /** First part of the keys in `storage`; the user's name follows. */
  storageKey?: string
  /** How many sends may wait; one more is refused with GP_QUEUE_FULL. */
  maxQueuedSends?: number
  /**
   * Each entry of a stream, once, in `seq` order; a promise is awaited before the next one. `cursors` is where the reader
   * stands after it: kept together with what the callback did, and given as `cursors` at the next start,
   * nothing is ever seen twice. A failing callback gets the same entry again.
   */
  onEntry?: (entry: Entry, cursors: Cursors) => unknown
  /** Messages that are never stored: at most once, while connected. */
  onVolatile?: (message: VolatileMessage) => unknown
  onUnread?: (count: UnreadCount) => unknown
  onState?: (state: ConnectionState) => unknown
  /** How each send ended; for one of an earlier run, whose promise is gone, the only word. */
  onSent?: (outcome: SendOutcome) => unknown
  /** What went wrong and is tried again, and, followed by the state "closed", what ended it. */
  onError?: (error: GatepostError) => unknown
  /**
   * In browsers all tabs of the site (and all inboxes of a page) that belong to one user share one socket: true where it is
   * not given. False = a connection of its own.
   */
  tabs?: boolean
  timing?: Timing
}

/** In ms. For tests, and for networks out of the ordinary. */
export interface Timing {
  /** From opening a socket to its "ready". */
  readyTimeoutMs?: number
  /** For the acknowledgement of an event. */
  requestTimeoutMs?: number
  /** How long a REST call is tried. */
  patienceMs?: number
  /** The first ceiling of the growing pauses between tries. */
  retryBaseMs?: number
}

export const timingOf = (
  { readyTimeoutMs = 10_000, requestTimeoutMs = clientDeadlines.inboxRequestMs, patienceMs = 15_000, retryBaseMs = 500 }: Timing = {}
): Required<Timing> => ({ readyTimeoutMs, requestTimeoutMs, patienceMs, retryBaseMs })
