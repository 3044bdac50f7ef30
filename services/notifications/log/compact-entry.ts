/**
 * An entry in form 2 of the socket (docs/protocol.md "Form 2"): without what is null, is the default, or follows from the stream, the id
 * or the entry before it. clients/compact.ts makes the whole of it again. A field that is there always counts, so a whole entry of form 1
 * is one of form 2, too.
 *
 * The stored text is cut where its fields begin and never parsed. It has them in one order (entry.ts), and nothing that was sent looks like
 * one: a quotation mark inside of a text has a backslash before it. Only `data` can hold a name of ours as it is, and it lies in the middle.
 */
import { createTimeReader, timeOfId, toMs } from '../../../shared/contract/clock.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { toTextOf } from '../../../shared/contract/target.js'

const isoLength = '2026-01-01T00:00:00.000Z'.length
const msOfCreation = createTimeReader()
const msOfExpiry = createTimeReader()

/**
 * The text from `from` to `boxes`, and what lies behind it, for a message of this id; each field with a comma before it. `stream` undefined: a volatile message.
 * `lifeSeconds`: how long a message of this stream lives where nothing is said. Undefined for a text that is not of this order: one of a later version.
 */
export function compactText (text: string, id: string, stream: StreamId | undefined, lifeSeconds: number): string | undefined {
  const fromEnd = text.indexOf('},"to":')
  const titleAt = text.indexOf(',"title":', fromEnd)
  const bodyAt = text.indexOf(',"body":', titleAt)
  const dataAt = text.indexOf(',"data":', bodyAt)
  const boxesAt = text.lastIndexOf(',"boxes":[')
  const expiresAtAt = text.lastIndexOf(',"expiresAt":', boxesAt)
  const createdAtAt = text.lastIndexOf(',"createdAt":"', expiresAtAt)
  const categoryAt = text.lastIndexOf(',"category":', createdAtAt)
  if (!(text.startsWith('"from":{') && fromEnd > 0 && titleAt > 0 && bodyAt > 0 && dataAt > 0 && categoryAt >= dataAt)) return undefined

  const to = text.slice(fromEnd + 7, titleAt)
  const createdMs = msOfCreation(text.slice(createdAtAt + 14, createdAtAt + 14 + isoLength))
  const boxesEnd = text.indexOf(']', boxesAt) + 1
  return compactFrom(text.slice(7, fromEnd + 1)) +
    (stream !== undefined && to === toTextOf(stream) ? '' : `,"to":${to}`) +
    unless('null', text.slice(titleAt, bodyAt), 9) +
    unless('null', text.slice(bodyAt, dataAt), 8) +
    unless('null', text.slice(dataAt, categoryAt), 8) +
    unless('"general"', text.slice(categoryAt, createdAtAt), 12) +
    (createdMs === toMs(timeOfId(id)) ? '' : text.slice(createdAtAt, expiresAtAt)) +
    compactEnd(createdMs, text.slice(expiresAtAt + 13, boxesAt), stream, lifeSeconds) +
    unless('["inbox"]', text.slice(boxesAt, boxesEnd), 9) +
    text.slice(boxesEnd)
}

/** A field, with its comma and name of so many characters, unless it has the default. */
const unless = (byDefault: string, field: string, nameLength: number): string =>
  field.length === nameLength + byDefault.length && field.endsWith(byDefault) ? '' : field

/** A sender that has a name alone, as `u:NAME` or `p:NAME`. */
function compactFrom (from: string): string {
  if (from.includes('","')) return `,"from":${from}`
  if (from.startsWith('{"user":"')) return `,"from":"u:${from.slice(9, -1)}`
  if (from.startsWith('{"producer":"')) return `,"from":"p:${from.slice(13, -1)}`
  return `,"from":${from}`
}

/** When it expires: as seconds after `createdAt`. */
function compactEnd (createdMs: number, expiresAt: string, stream: StreamId | undefined, lifeSeconds: number): string {
  if (expiresAt === 'null') return stream === undefined ? '' : ',"expiresAt":null'
  const seconds = (msOfExpiry(expiresAt.slice(1, -1)) - createdMs) / 1000
  return stream !== undefined && seconds === lifeSeconds ? '' : `,"ttl":${seconds}`
}

const volatileHead = '{"type":"message","id":"'
const untouchedTail = ',"read":false,"archived":false,"recalled":false'
const tails = [`,"url":null,"actions":null${untouchedTail},"acted":null}`, `${untouchedTail},"acted":null}`, `${untouchedTail}}`]

/** A volatile message, as it is handed from node to node (`volatileWire`). */
export function compactVolatile (wire: string): string {
  const idEnd = wire.indexOf('"', volatileHead.length)
  const tail = tails.find(tail => wire.endsWith(tail))
  if (!wire.startsWith(volatileHead) || tail === undefined) return wire
  const id = wire.slice(volatileHead.length, idEnd)
  const text = compactText(wire.slice(idEnd + 2, -tail.length), id, undefined, NaN)
  return text === undefined ? wire : `{"id":"${id}"${text}}`
}
