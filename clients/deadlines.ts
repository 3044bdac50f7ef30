/** How long clients wait: longer than the servers may try, so that a server's answer is heard rather than asked for again. In ms. */
export const clientDeadlines = {
  /** A producer's request to Gate. */
  producerRequestMs: 60_000,
  /** An event on a socket, a request to a node. */
  inboxRequestMs: 40_000,
  /** Servers keep an idempotency key for 24 h. A try after that could store the message twice; an hour is left for clocks and the way. */
  keyLifeMs: 23 * 60 * 60 * 1000
} as const
