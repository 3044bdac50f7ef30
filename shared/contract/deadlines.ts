/**
 * How long each part waits for the one below it, and how long what is stored is of use: every duration that another one must be longer or
 * shorter than. docs/times.md shows them; test/unit/deadlines.test.ts holds what must be longer than what.
 */
const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

/** Who asks waits longer than who is asked: else "refused" is said of what is being stored. In ms. */
export const deadlines = {
  /** MongoDB. Its driver's own limits are for single steps (shared/store/mongodb-deadline.ts). */
  store: {
    /** The server confirms a write by then, or says that it did not. */
    majorityMs: 3 * secondMs,
    /** The driver looks for a server: only after that is it sure that nothing was sent. */
    selectionMs: 3 * secondMs,
    /** One command, from choosing the server to the last document. */
    commandMs: 4 * secondMs,
    /** One call of the store with all its commands. */
    callMs: 5 * secondMs
  },
  /** A node that appends. */
  append: {
    /** What surely was not stored is refused after it. */
    giveUpMs: 10 * secondMs,
    /** What may have been stored is asked after for longer: `giveUpMs` times this. */
    unknownFactor: 3,
    /** After that its stream is looked at once more. */
    lookAgainMs: 15 * secondMs
  },
  /** A node that has a stream's own node append. */
  handOver: {
    askMs: 2 * secondMs,
    /** An owner that is still at it says so after this time, and is asked again. */
    holdMs: 1 * secondMs
  },
  /** Gate asks a node. */
  gate: {
    /** The same request is sent again where no reply came. */
    againMs: 7.5 * secondMs,
    /** A node that says by then that the store is away speaks for the others too. */
    goOnWithinMs: 7.5 * secondMs,
    longestMs: 45 * secondMs,
    /** By so much longer for what is much work: a store that takes 2,000 copies a second takes the largest batch in this time. */
    longestWorkMs: 30 * secondMs
  },
  /** The outcome of work that took long is kept for who asks again. */
  outcomeKeptMs: 10 * secondMs
} as const

/** A node whose clock is surely further off the store's is not ready. In ms. */
export const maxClockOffMs = 5 * secondMs

/** How long what is stored, or known, is of use. In ms. */
export const lives = {
  /** An entry lands at most so long after its id's time, or leaves a late pointer; ids are kept in memory as long. */
  landsWithinMs: 1 * minuteMs,
  /** A head of a stream in memory is believed for so long. */
  headTrustedMs: 1 * hourMs,
  /** The time to live of a head that may be purged sooner than this is extended before it is used. */
  headExtendedWithinMs: 2 * hourMs,
  /** What an Idempotency-Key stands for. */
  claimMs: 24 * hourMs,
  /** A socket's stream in which nothing came for so long may have been purged: its cursor is looked at. */
  silentMs: 24 * hourMs,
  /** Every document stays so long, however short its `ttl`. */
  documentMs: 25 * hourMs
} as const
