/**
 * Time as this process knows it, and the logical time that ids and sequences are made of: (milliseconds since the epoch below) *
 * 4096. A logical time stays below 2^53 until 2093 and sorts the merge of several streams.
 *
 * A wall clock may be wrong by years and may jump either way. So each decision uses the time that suits it:
 *   now       what is shown: createdAt, ids, hiding what has expired
 *   elapsed   durations and time-outs
 *   lived     how long something in memory may be trusted
 *   latest    what is stored must live beyond it (purgeAt)
 *   earliest  what is over by it is over for good (a claim, a mark's message)
 *   byStore   what Gates and nodes on different machines must see alike (tickets)
 * Nothing that is read moves a process's clock: an order within a stream comes from what is stored there (appender.ts).
 */
import { hash, randomFillSync } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { MessageId, StreamId } from './names.js'
import { rememberLast } from './remember-last.js'

export const epochMs = Date.UTC(2024, 0, 1)
export const ticksPerMs = 4096
const timeDigits = 11
/** Three years below 2^53: a stream that a broken clock took this far still has room for 10^14 entries. */
const lastTime = (Date.UTC(2090, 0, 1) - epochMs) * ticksPerMs

export interface Clock {
  /** Wall time in ms since 1970. May jump. */
  now: () => number
  /** Ms of the machine's monotonic clock, since some moment. Does not see a machine that sleeps. */
  elapsed: () => number
  /** As `elapsed`, and goes on when the wall clock jumps ahead, as it does when a machine wakes up. */
  lived: () => number
  /** The logical wall time: above the last one given, unless the wall clock was set back by more than a second. */
  tick: () => number
  /** The store's time was `ms` just now. */
  heardOf: (ms: number) => void
  /** The later of the wall time and the store's. */
  latest: () => number
  /** The earlier of them. */
  earliest: () => number
  /** The store's time; the wall time before it was heard of. */
  byStore: () => number
  /** By how many ms the wall clock has jumped ahead (below 0: back) since the process started, by its monotonic clock. */
  jumpedMs: () => number
}

const oneSecondMs = 1_000

/** A test that gives the wall time alone gives the others, too. */
export function createClock (now: () => number = Date.now, elapsed: () => number = now === Date.now ? () => performance.now() : now): Clock {
  let last = 0
  /** Wall time less monotonic time: at the start, and as `lived` has seen it last. */
  const startLead = now() - elapsed()
  let lead = startLead
  let sleptMs = 0
  /** The store's time less monotonic time. */
  let storeLead: number | undefined
  const storeMs = (): number | undefined => storeLead === undefined ? undefined : storeLead + elapsed()

  return {
    now,
    elapsed,
    lived: () => {
      const at = elapsed()
      const jumpMs = now() - at - lead
      if (Math.abs(jumpMs) > oneSecondMs) {
        lead += jumpMs
        sleptMs += Math.max(0, jumpMs)
      }
      return at + sleptMs
    },
    tick: () => {
      const time = fromMs(now())
      last = time <= last && last - time < oneSecondMs * ticksPerMs ? last + 1 : time
      return last
    },
    heardOf: ms => { storeLead = ms - elapsed() },
    latest: () => Math.max(now(), storeMs() ?? -Infinity),
    earliest: () => Math.min(now(), storeMs() ?? Infinity),
    byStore: () => storeMs() ?? now(),
    jumpedMs: () => now() - elapsed() - startLead
  }
}

/** Logical time of a wall time in ms since 1970; of one before 2024 or after 2089 the nearest that there is. */
export const fromMs = (ms: number): number => Math.min(lastTime, Math.max(0, Math.floor(ms) - epochMs) * ticksPerMs)
/** Wall time (ms since 1970) of a logical time. */
export const toMs = (time: number): number => Math.floor(time / ticksPerMs) + epochMs

/** A logical time as 11 base-36 digits, so that text sorts as time: by pairs out of a table, since every key has one. */
export function encodeTime (time: number): string {
  const high = Math.floor(time / lowBase)
  const low = time - high * lowBase
  return pairs[Math.floor(high / 1_679_616)]! + pairs[Math.floor(high / 1_296) % 1_296]! + pairs[high % 1_296]! +
    pairs[Math.floor(low / 46_656)]! + pairs[Math.floor(low / 36) % 1_296]! + digits.charAt(low % 36)
}
/** The time of 11 base-36 digits, those from `at` to the end; NaN for anything else. */
export const decodeTime = (text: string, at = 0): number => text.length - at === timeDigits ? readTime(text, at) : NaN

function readTime (text: string, at: number): number {
  let high = 0
  let low = 0
  for (let i = at; i < at + 6; i++) high = high * 36 + digitValue(text.charCodeAt(i))
  for (let i = at + 6; i < at + timeDigits; i++) low = low * 36 + digitValue(text.charCodeAt(i))
  return high * lowBase + low
}

/** Writes ms since 1970 in ISO 8601. Messages that follow each other share a millisecond: the last one is remembered. */
export const createIsoTime = (): (ms: number) => string => rememberLast(isoTime)

/** By parts out of tables: a page of messages has two times each, and `Date` takes five times as long. */
function isoTime (ms: number): string {
  const whole = Math.trunc(ms)
  const day = Math.floor(whole / dayMs)
  const date = dates.get(day) ?? dateOf(day)
  const ofDay = whole - day * dayMs
  const ofMinute = ofDay % 60_000
  return date + minutesOfDay[(ofDay - ofMinute) / 60_000]! + seconds[Math.floor(ofMinute / 1_000)]! + thousandths[ofMinute % 1_000]!
}

/** Throws for what is no time. */
function dateOf (day: number): string {
  const date = new Date(day * dayMs).toISOString().slice(0, -13)
  if (dates.size === mostDates) dates.clear()
  dates.set(day, date)
  return date
}

const dayMs = 86_400_000
/** `2026-01-01T`, by days since 1970. */
const dates = new Map<number, string>()
const mostDates = 1_000
const padded = (value: number, length: number): string => String(value).padStart(length, '0')
const minutesOfDay = Array.from({ length: 1_440 }, (_, i) => `${padded(Math.floor(i / 60), 2)}:${padded(i % 60, 2)}:`)
const seconds = Array.from({ length: 60 }, (_, i) => `${padded(i, 2)}.`)
const thousandths = Array.from({ length: 1_000 }, (_, i) => `${padded(i, 3)}Z`)

/** Reads what `createIsoTime` writes; NaN for what is no time. The last one is remembered: copies of one message have the same. */
export const createTimeReader = (): (iso: string) => number => rememberLast(iso => Date.parse(iso))

const digits = '0123456789abcdefghijklmnopqrstuvwxyz'
const lowBase = 36 ** 5
const pairs = Array.from({ length: 36 * 36 }, (_, i) => digits.charAt(Math.floor(i / 36)) + digits.charAt(i % 36))
const digitValue = (code: number): number => code >= 97 && code <= 122 ? code - 87 : code >= 48 && code <= 57 ? code - 48 : NaN

/**
 * A message's id: time (11), random (16 base-32, 80 bits), then where it lies: `u` own streams, `a` the stream of
 * all, `gXXXX` a group by a hash of its stream: a reader of many groups looks into one, not into each.
 */
export function createMessageId (time: number, home: StreamId | undefined): MessageId {
  return encodeTime(time) + randomText() + homeTag(home) as MessageId
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const randomChars = 16
/** Random bytes are cheap by the thousand. */
const pool = Buffer.alloc(256 * randomChars)
let poolAt = pool.length
function randomText (): string {
  if (poolAt === pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  let text = ''
  for (const end = poolAt + randomChars; poolAt < end; poolAt++) text += alphabet.charAt(pool[poolAt]! & 31)
  return text
}

/** The tail of the ids of messages whose home is this stream. */
export function homeTag (home: StreamId | undefined): string {
  if (home === undefined || home.startsWith('u:')) return 'u'
  if (home === 'all') return 'a'
  return 'g' + hash4(home)
}

const idPattern = /^[0-9a-z]{11}[0-9a-hjkmnp-tv-z]{16}(?:u|a|g[0-9a-f]{4})$/

/** The logical time and the home of an id; undefined for text that cannot be one. */
export function parseMessageId (id: string): { time: number, home: string } | undefined {
  if (!idPattern.test(id)) return undefined
  const time = decodeTime(id.slice(0, timeDigits))
  return time <= Number.MAX_SAFE_INTEGER ? { time, home: id.slice(timeDigits + 16) } : undefined
}

/** The logical time of an id that is known to be one. */
export const timeOfId = (id: string): number => readTime(id, 0)

/** The first 4 hex digits of SHA-1: spreads owners over the key space, so over shards. */
export const hash4 = (text: string): string => hash('sha1', text).slice(0, 4)
