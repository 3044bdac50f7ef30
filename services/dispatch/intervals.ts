/** How often and how long; all in ms. Tests shrink them. */
export interface DispatchIntervals {
  readonly heartbeatMs: number
  /** Silence after which a member is `suspect`, and `down`. */
  readonly suspectAfterMs: number
  readonly downAfterMs: number
  /** How long a member that is down stays listed. */
  readonly listedMs: number
  /** How long verdicts stay frozen after this process's own link is back. */
  readonly frozenMs: number
  /** One whole round of heartbeats. */
  readonly settleMs: number
  /** How long a publisher can still name the streams of a broadcast. */
  readonly rememberedMs: number
  /** The longest wait before a publisher is asked what was lost, so that not everyone asks in the same moment. */
  readonly jitterMs: number
  /** How long an answer to a request may take, where the asker does not say. */
  readonly answerMs: number
}

export const defaultIntervals: DispatchIntervals = {
  heartbeatMs: 1_000,
  suspectAfterMs: 2_500,
  downAfterMs: 4_000,
  listedMs: 600_000,
  frozenMs: 5_000,
  settleMs: 1_100,
  rememberedMs: 60_000,
  jitterMs: 200,
  answerMs: 2_000
}
