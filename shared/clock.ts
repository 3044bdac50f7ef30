/**
 * One hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014) makes message ids and
 * sequences: (milliseconds since the epoch below) * 4096, or what it has seen + 1, whichever is larger.
 * Values stay below 2^53 until 2093 and sort the merge of several streams.
 */
import { randomBytes } from 'node:crypto'
import { createHash } from 'node:crypto'
import type { MessageId, StreamId } from './names.js'

export const epochMs = Date.UTC(2024, 0, 1)
export const ticksPerMs = 4096
const timeDigits = 11

export interface Clock {
  /** Wall time in ms since 1970. */
  now: () => number
  /** The next logical time: above every earlier one and every one seen. */
  tick: () => number
  /** Takes note of a logical time from elsewhere (a heartbeat, a head, a message). */
  see: (time: number) => void
}

export function createClock (now: () => number = Date.now): Clock {
  let last = 0
  return {
    now,
    tick: () => { last = Math.max(fromMs(now()), last + 1); return last },
    see: time => { if (time > last) last = time }
  }
}

/** Logical time of a wall time in ms since 1970. */
export const fromMs = (ms: number): number => Math.max(0, Math.floor(ms) - epochMs) * ticksPerMs
/** Wall time (ms since 1970) of a logical time. */
export const toMs = (time: number): number => Math.floor(time / ticksPerMs) + epochMs

/** A logical time as 11 base-36 digits, so that text sorts as time. */
export const encodeTime = (time: number): string => time.toString(36).padStart(timeDigits, '0')
export const decodeTime = (text: string): number => parseInt(text, 36)

/**
 * A message's id: time (11), random (16 base-32, 80 bits), then where it lies: `u` own streams, `a` the stream of
 * all, `gXXXX` a group by a hash of its stream: a reader of many groups looks into one, not into each.
 */
export function createMessageId (time: number, home: StreamId | undefined): MessageId {
  return encodeTime(time) + randomText() + homeTag(home) as MessageId
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
function randomText (): string {
  let text = ''
  for (const byte of randomBytes(16)) text += alphabet.charAt(byte & 31)
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

/** The first 4 hex digits of SHA-1: spreads owners over the key space, so over shards. */
export const hash4 = (text: string): string => createHash('sha1').update(text).digest('hex').slice(0, 4)
