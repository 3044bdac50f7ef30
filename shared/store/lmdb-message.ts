/**
 * A message in a data folder of form 2: without those parts of its text that its other fields and its key give again. Each part is left out only
 * where the text has exactly what would be put back, so a text of any making comes back as it was. docs/adr/0038-messages-without-what-they-repeat.md
 *
 *     "from":{"user":"ann"},"to":{"user":"bob"},"title":"Hello",…,"category":"general","createdAt":"…","expiresAt":"…","boxes":["inbox"],"url":…
 *     └──────── sender ────────┘└─── stream ───┘        ↑        └────────────── end, with category, id, expiresAt, boxes ──────────────┘└ rest ┘
 *                                                     middle
 *
 * | place | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11, where it is not empty |
 * | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
 * | | shape | `v` | `purgeAt` | boxes and cuts, as bits | `seq` less the time of `id` | `id` | `purgeAt` less `expiresAt` | `sender` | `category`, or 0 | `recalled` | middle | rest |
 */
import { createIsoTime, timeOfId, toMs } from '../contract/clock.js'
import type { StreamId } from '../contract/names.js'
import { rememberLast } from '../contract/remember-last.js'
import { toTextOf } from '../contract/target.js'
import type { MessageDoc } from './store.js'

export const messageShape = 4
export type PackedMessage = readonly [
  shape: number, v: number, purgeAt: number, bits: number, lag: number, id: string, expiresBefore: number, sender: string, category: string | 0, recalled: number, middle: string, rest?: string
]

const boxesByBits = ['inbox', 'sent', 'both'] as const
const boxTexts = ['","boxes":["inbox"]', '","boxes":["sent"]', '","boxes":["inbox","sent"]'] as const
const boxBits = 3
const senderCut = 4
const streamCut = 8
const endCut = 16
const usualCategory = 'general'
const isSafe = Number.isSafeInteger
/** The last ms that a Date can have. */
const lastMs = 8.64e15

/** Undefined where it does not fit: it is stored as in form 1. */
export function packMessage (doc: MessageDoc): PackedMessage | undefined {
  const { key, v, purgeAt, seq, id, expiresAt, sender, category, boxes, recalled, text } = doc
  const time = timeOfId(id)
  const boxAt = boxesByBits.indexOf(boxes)
  if (purgeAt === null || boxAt < 0 || Math.abs(expiresAt) > lastMs) return undefined
  if (!(isSafe(time) && isSafe(seq) && isSafe(seq - time) && isSafe(purgeAt) && isSafe(expiresAt) && isSafe(purgeAt - expiresAt))) return undefined
  let bits = boxAt
  let begin = 0
  const bySender = senderText(sender)
  if (text.startsWith(bySender)) {
    bits |= senderCut
    begin = bySender.length
    const byStream = streamText(key)
    if (text.startsWith(byStream, begin)) {
      bits |= streamCut
      begin += byStream.length
    }
  }
  const end = endText(time, expiresAt, category, boxAt)
  const endAt = text.endsWith(end) ? text.length - end.length : text.lastIndexOf(end)
  const isCut = endAt >= begin
  if (isCut) bits |= endCut
  const middle = text.slice(begin, isCut ? endAt : undefined)
  const rest = isCut ? text.slice(endAt + end.length) : ''
  const storedCategory = category === usualCategory ? 0 : category
  return rest === ''
    ? [messageShape, v, purgeAt, bits, seq - time, id, purgeAt - expiresAt, sender, storedCategory, recalled, middle]
    : [messageShape, v, purgeAt, bits, seq - time, id, purgeAt - expiresAt, sender, storedCategory, recalled, middle, rest]
}

export function unpackMessage (key: string, [, v, purgeAt, bits, lag, id, expiresBefore, sender, storedCategory, recalled, middle, rest = '']: PackedMessage): MessageDoc {
  const time = timeOfId(id)
  const expiresAt = purgeAt - expiresBefore
  const category = storedCategory === 0 ? usualCategory : storedCategory
  const text = ((bits & senderCut) === 0 ? '' : senderText(sender)) +
    ((bits & streamCut) === 0 ? '' : streamText(key)) +
    middle +
    ((bits & endCut) === 0 ? '' : endText(time, expiresAt, category, bits & boxBits)) +
    rest
  return { key, v, purgeAt, kind: 'message', seq: time + lag, id, expiresAt, sender, category, boxes: boxesByBits[bits & boxBits]!, recalled, text }
}

/** A page is of one stream, and often of one sender. */
const senderText = rememberLast((sender: string) => `"from":{"${sender.startsWith('u:') ? 'user' : 'producer'}":${JSON.stringify(sender.slice(2))}},"to":`)
const textOfOwner = rememberLast((owner: string) => `${toTextOf(owner.slice(4, -1) as StreamId)},"title":`)
/** The key begins with what it has in common with all others of its stream (keys.ts). */
const streamText = (key: string): string => textOfOwner(key.slice(0, key.indexOf('\t') + 1))

const isoOfCreation = createIsoTime()
const isoOfExpiry = createIsoTime()
const categoryText = rememberLast((category: string) => `,"category":${JSON.stringify(category)},"createdAt":"`)

let lastEnd = { ms: NaN, expiresAt: NaN, category: '', boxes: NaN, text: '' }

/** Messages of one batch have the same. */
function endText (time: number, expiresAt: number, category: string, boxes: number): string {
  const ms = toMs(time)
  if (ms !== lastEnd.ms || expiresAt !== lastEnd.expiresAt || boxes !== lastEnd.boxes || category !== lastEnd.category) {
    const text = categoryText(category) + isoOfCreation(ms) + '","expiresAt":"' + isoOfExpiry(expiresAt) + boxTexts[boxes]!
    lastEnd = { ms, expiresAt, category, boxes, text }
  }
  return lastEnd.text
}
