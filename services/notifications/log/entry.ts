/**
 * An entry between its two forms: the stored document and the JSON text that a reader is sent. The long middle of a
 * message is written once, when it is posted, and never parsed again to deliver it.
 */
import type { Action } from '../../../shared/contract/action.js'
import { createIsoTime } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { StreamId } from '../../../shared/contract/names.js'
import type { Profile } from '../../../shared/contract/profile.js'
import { placeOfEntry, type EntryDoc, type MessageDoc } from '../../../shared/store/store.js'
import { changeWire, parseChange } from './change.js'

/** An entry as its author fixes it, before it has a place in a stream. */
export type EntryDraft =
  | Omit<MessageDoc, 'key' | 'v' | 'seq' | 'purgeAt'>
  | Omit<Extract<EntryDoc, { kind: 'change' }>, 'key' | 'v' | 'seq' | 'purgeAt'>
  | Omit<Extract<EntryDoc, { kind: 'log' }>, 'key' | 'v' | 'seq' | 'purgeAt'>

/** A draft in its place. Field by field: a copy by spreading costs as much as the rest of an append. */
export function placeEntry (draft: EntryDraft, key: string, seq: number, purgeAt: number | null): EntryDoc {
  const { id, expiresAt, text } = draft
  if (draft.kind !== 'message') return { key, v: 0, purgeAt, seq, id, expiresAt, kind: draft.kind, text }
  const { sender, category, boxes, recalled } = draft
  return { key, v: 0, purgeAt, seq, id, expiresAt, kind: 'message', sender, category, boxes, recalled, text }
}

/** How one reader has treated a message. */
export interface Flags {
  readonly read: boolean
  readonly archived: boolean
  /** The action that the reader chose. */
  readonly acted: string | undefined
}
export const untouched: Flags = { read: false, archived: false, acted: undefined }

/** Without a name and a picture where neither was given. */
export type From = ({ readonly user: string } | { readonly producer: string }) & Partial<Profile>

export interface MessageContent {
  readonly from: From
  readonly to: unknown
  readonly title: string | null
  readonly body: string | null
  readonly data: unknown
  readonly category: string
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly boxes: ReadonlyArray<'inbox' | 'sent'>
  /** These two are missing where neither was given. */
  readonly url?: string | null
  readonly actions?: readonly Action[] | null
}

export interface MessageTextParts {
  readonly from: From
  readonly title: string | null
  readonly body: string | null
  readonly data: unknown
  readonly category: string
  readonly createdAt: string
  /** Ms since 1970. */
  readonly expiresAtMs: number | undefined
  readonly url: string | undefined
  readonly actions: readonly Action[] | undefined
}

export interface MessageTexts {
  readonly of: (to: unknown, boxes: MessageDoc['boxes']) => string
  /** How long each is, but for `to`. */
  readonly chars: number
}

const isoOfExpiry = createIsoTime()

/** The texts of all copies of one message, which differ in `to` and `boxes` alone: the rest is written once. */
export function messageTexts ({ from, title, body, data, category, createdAt, expiresAtMs, url, actions }: MessageTextParts): MessageTexts {
  const head = `"from":${JSON.stringify(from)},"to":`
  const expiresAt = expiresAtMs === undefined ? null : isoOfExpiry(expiresAtMs)
  const tail = `,${JSON.stringify({ title, body, data, category, createdAt, expiresAt }).slice(1, -1)},"boxes":`
  const links = url === undefined && actions === undefined ? '' : linksText(url, actions)
  return { of: (to, boxes) => `${head}${JSON.stringify(to)}${tail}${boxTexts[boxes]}${links}`, chars: head.length + tail.length + links.length }
}

const linksText = (url: string | null = null, actions: readonly Action[] | null = null): string => `,"url":${JSON.stringify(url)},"actions":${JSON.stringify(actions)}`
const noLinks = linksText()
const noProfile = ',"name":null,"picture":null'

/**
 * The text as readers are sent it, with null for what was not given and is not stored. The sender comes first, and nothing that was sent
 * looks like its end: a quotation mark inside of a text has a backslash before it. Links follow the boxes.
 */
function shownText (text: string, boxes: MessageDoc['boxes']): string {
  const end = text.indexOf('},"to":')
  const hasProfile = text.lastIndexOf(',"picture":', end) > 0
  const links = text.endsWith(boxTexts[boxes]) ? noLinks : ''
  return hasProfile ? text + links : text.slice(0, end) + noProfile + text.slice(end) + links
}

const boxTexts = { inbox: '["inbox"]', sent: '["sent"]', both: '["inbox","sent"]' } as const

export const messageContent = (doc: Pick<MessageDoc, 'text'>): MessageContent => JSON.parse(`{${doc.text}}`) as MessageContent

/** The text of a message after its recall: who, to whom and when stay; what it said, and how its sender was shown, is gone. */
export function erasedText (doc: MessageDoc): string {
  const { from, to, category, createdAt, expiresAt, boxes } = messageContent(doc)
  const sender = 'user' in from ? { user: from.user } : { producer: from.producer }
  return JSON.stringify({ from: sender, to, title: null, body: null, data: null, category, createdAt, expiresAt, boxes }).slice(1, -1)
}

/** One's own copies are never unread. */
const isOwnCopy = (doc: MessageDoc): boolean => doc.boxes !== 'inbox'

/**
 * The JSON text of an entry for a reader who was sent everything up to `after`. Where what came before it has been purged,
 * an entry was appended to one further back than the reader has come: to this reader it follows `after`.
 */
export function entryWire (doc: EntryDoc, flags: Flags = untouched, after = 0): string {
  const { stream, prev } = placeOfEntry(doc.key)
  return placedWire(doc, stream, prevSeen(prev, after), flags)
}

/** The `prev` of an entry for a reader who was sent everything up to `after`. */
export const prevSeen = (prev: number, after: number): number => prev === 0 ? 0 : Math.max(prev, after)

/** The same with the stream and the `prev` that the reader is to see. */
export function placedWire (doc: EntryDoc, stream: StreamId, prev: number, flags: Flags = untouched): string {
  if (doc.kind === 'message') {
    // A version that did not know of all that is erased now may have erased it.
    const text = doc.recalled > 0 ? erasedText(doc) : doc.text
    return `{"type":"message","id":"${doc.id}","stream":${JSON.stringify(stream)},"seq":${doc.seq},"prev":${prev},${shownText(text, doc.boxes)}${flagsWire(doc, flags)}}`
  }
  if (doc.kind === 'change') return changeWire(parseChange(doc), stream, doc.seq, prev)
  return goneWire(stream, prev, doc.seq)
}

const flagsWire = (doc: MessageDoc, flags: Flags): string =>
  `,"read":${flags.read || isOwnCopy(doc)},"archived":${flags.archived},"recalled":${doc.recalled > 0},"acted":${flags.acted === undefined ? 'null' : JSON.stringify(flags.acted)}`

/** A message that no stream holds: no stream, seq or prev. */
export const volatileWire = (id: string, text: string): string =>
  `{"type":"message","id":"${id}",${shownText(text, 'inbox')},"read":false,"archived":false,"recalled":false,"acted":null}`

/** What a reader cannot have any more: all after `prev` up to `seq`. */
export const goneWire = (stream: StreamId, prev: number, seq: number): string =>
  `{"type":"gone","stream":${JSON.stringify(stream)},"seq":${seq},"prev":${prev}}`

type EntryHead = [kind: EntryDoc['kind'], key: string, v: number, purgeAt: number | null, seq: number, id: string, expiresAt: number]
type MessageHead = [...EntryHead, sender: string, category: string, boxes: MessageDoc['boxes'], recalled: number]

/** An entry on its way between nodes: a head that fits one small parse, its fields by place, then the stored text untouched. */
export function encodeEntry (doc: EntryDoc): Buffer {
  const { kind, key, v, purgeAt, seq, id, expiresAt, text } = doc
  const head: EntryHead | MessageHead = kind === 'message'
    ? [kind, key, v, purgeAt, seq, id, expiresAt, doc.sender, doc.category, doc.boxes, doc.recalled]
    : [kind, key, v, purgeAt, seq, id, expiresAt]
  return Buffer.from(`${JSON.stringify(head)}\n${text}`)
}

export function decodeEntry (payload: Uint8Array): EntryDoc {
  const whole = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8')
  const end = whole.indexOf('\n')
  if (end < 0) throw new GatepostError('GP_INTERNAL', 'a broadcast without an entry')
  const [kind, key, v, purgeAt, seq, id, expiresAt, sender, category, boxes, recalled] = JSON.parse(whole.slice(0, end)) as MessageHead
  const text = whole.slice(end + 1)
  return kind === 'message' ? { key, v, purgeAt, seq, id, expiresAt, kind, sender, category, boxes, recalled, text } : { key, v, purgeAt, seq, id, expiresAt, kind, text }
}
