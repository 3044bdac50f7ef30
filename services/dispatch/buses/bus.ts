/**
 * The bus: one link of this process to all others. A hint, never the truth: what is published while the link is
 * down, or outruns a slow consumer, is lost without an error. dispatch.ts numbers what it sends and notices.
 * Adapters: nats-bus.ts, in-process-bus.ts. What any adapter must pass: test/contract/bus.
 */

/** Called for each delivery, in the order of publishing by one connection; must not throw. `reply` is set where an answer is awaited. */
export type BusHandler = (subject: string, payload: Uint8Array, reply: ((payload: Uint8Array) => void) | undefined) => void

export interface Bus {
  readonly kind: 'nats' | 'in-process'
  /** The largest payload in bytes; more throws GatepostError GP_TOO_LARGE. */
  readonly maxPayloadBytes: number
  readonly isConnected: boolean
  /** Hands over to the link and returns: no promise of delivery. The publisher's own subscriptions do not get it back. */
  publish: (subject: string, payload: Uint8Array) => void
  /** Subjects are dot-separated tokens; `*` stands for one, a last `>` for one or more. Returns what ends it. */
  subscribe: (subject: string, handler: BusHandler) => () => void
  /**
   * The first answer. Rejects with GatepostError GP_DISPATCH_UNAVAILABLE where surely nobody got it (no link, nobody listens), and with
   * GP_OUTCOME_UNKNOWN where somebody may have (no answer in time, a link that broke meanwhile).
   */
  request: (subject: string, payload: Uint8Array, timeoutMs: number) => Promise<Uint8Array>
  /** Resolves when the link's other end has answered, so that all it sent before has been handled; rejects when there is no link. */
  roundTrip: () => Promise<void>
  /** Called at each change of `isConnected`. Returns what ends it. */
  onStatus: (handler: (isConnected: boolean) => void) => () => void
  /** Sends what waits, then ends; idempotent. */
  close: () => Promise<void>
}
