/** How keys and documents lie in LMDB. */
import { randomBytes } from 'node:crypto'
import { Packr } from 'msgpackr'
import { newerForm } from '../contract/form.js'
import { newestFolderForm, type FolderForm } from './lmdb-form.js'
import { messageShape, packMessage, unpackMessage, type PackedMessage } from './lmdb-message.js'
import type { MessageDoc, StoredDoc } from './store.js'

/** LMDB's limit for a page of 4 KiB, less the 8 bytes of time before a key in the purge index. */
export const maxKeyBytes = 1970
const timeBytes = 8

/** Keys are plain UTF-8, so that LMDB's byte order is the order of the port; lmdb's own encoding stops at NUL. */
export const keyEncoder = {
  writeKey: (key: string, target: Buffer, start: number): number => start + target.write(key, start, 'utf8'),
  readKey: (source: Buffer, start: number, end: number): string => source.toString('utf8', start, end)
}

export const isStorableKey = (key: string): boolean => {
  const bytes = Buffer.byteLength(key)
  return bytes > 0 && bytes <= maxKeyBytes
}

/** Plain MessagePack: no record structures, which would have to be stored beside the documents. */
export const docEncoding = { encoding: 'msgpack', encoder: { useRecords: false } } as const

/**
 * Documents lie as arrays, the number of their shape first and no names of fields: a sixth smaller and read in less
 * than half the time. The numbers and the order of fields are what old data folders are read by: only add to them. All shapes here
 * are of form 1; form 2 writes messages in a shape of its own (lmdb-message.ts). `v` and `purgeAt` stand first in every one, so that
 * both are read of any.
 */
const shapes = [
  [],
  ['v', 'purgeAt', 'kind', 'seq', 'id', 'expiresAt', 'sender', 'category', 'boxes', 'recalled', 'text'],
  ['v', 'purgeAt', 'kind', 'seq', 'id', 'expiresAt', 'text'],
  ['v', 'purgeAt', 'text']
] as const
const anyShape = 0
const plainMessage = 1
export type PackedDoc = readonly [number, ...unknown[]]

export function packDoc (doc: StoredDoc, form: FolderForm): PackedDoc {
  const count = Object.keys(doc).length - 1 // all but the key
  if (form === 2 && count === shapes[plainMessage].length && (doc as MessageDoc).kind === 'message') {
    const packed = packMessage(doc as MessageDoc)
    if (packed !== undefined) return packed
  }
  for (let shape = anyShape + 1; shape < shapes.length; shape++) {
    const packed = shapes[shape]!.length === count ? packAs(shape, doc) : undefined
    if (packed !== undefined) return packed
  }
  const { key: _, ...fields } = doc
  return [anyShape, fields]
}

/** Undefined where the document lacks a field of this shape. */
function packAs (shape: number, doc: StoredDoc): PackedDoc | undefined {
  const packed: [number, ...unknown[]] = [shape]
  for (const name of shapes[shape]!) {
    const value = (doc as unknown as Record<string, unknown>)[name]
    if (value === undefined && !(name in doc)) return undefined
    packed.push(value)
  }
  return packed
}

/** Throws GP_STORE_UNAVAILABLE for a newer form. */
export function unpackDoc<D extends StoredDoc> (key: string, packed: PackedDoc): D {
  const shape = packed[0]
  if (shape === messageShape) return unpackMessage(key, packed as unknown as PackedMessage) as unknown as D
  if (shape === anyShape) return { key, ...packed[1] as object } as unknown as D
  const names = shapes[shape]
  if (names === undefined) throw newerForm(`the document ${JSON.stringify(key)}`, `unknown (shape ${shape})`, newestFolderForm)
  const doc: Record<string, unknown> = { key }
  for (let at = 0; at < names.length; at++) doc[names[at] as string] = packed[at + 1]
  return doc as unknown as D
}

/** Without making the document. */
export function versionOf (packed: PackedDoc): number { return packed[0] === anyShape ? (packed[1] as StoredDoc).v : packed[1] as number }
export function purgeAtOf (packed: PackedDoc): number | null { return packed[0] === anyShape ? (packed[1] as StoredDoc).purgeAt : packed[2] as number | null }

/** A document as another process has packed it (lmdb-guest.ts): whoever stores it need not read it. */
export interface PackedRecord {
  readonly key: string
  readonly v: number
  readonly purgeAt: number | null
  /** The bytes of its PackedDoc. */
  readonly packed: Uint8Array
}

/** As lmdb does it for `docEncoding`. */
const packr = new Packr(docEncoding.encoder)
/** The bytes are not written to again. */
export function packRecord (doc: StoredDoc, form: FolderForm): PackedRecord { return { key: doc.key, v: doc.v, purgeAt: doc.purgeAt, packed: packr.pack(packDoc(doc, form)) } }
export const unpackRecord = ({ packed }: PackedRecord): PackedDoc => packr.unpack(packed) as PackedDoc

/** A key of the purge index: the time, then the document's key. */
export function purgeKey (purgeAt: number, key: string): Buffer {
  const bytes = Buffer.allocUnsafe(timeBytes + Buffer.byteLength(key))
  // Doubles that are not negative sort by their bytes.
  bytes.writeDoubleBE(Math.max(0, purgeAt))
  bytes.write(key, timeBytes, 'utf8')
  return bytes
}
export const keyOfPurgeKey = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset + timeBytes, bytes.byteLength - timeBytes).toString('utf8')
/** A key of the purge index for documents that are named in its value. No document's key gives the same: it is no UTF-8. */
export function sharedPurgeKey (purgeAt: number): Buffer {
  const bytes = Buffer.allocUnsafe(timeBytes + 1 + lifeBytes.length + countBytes)
  bytes.writeDoubleBE(Math.max(0, purgeAt))
  bytes[timeBytes] = 0xff
  lifeBytes.copy(bytes, timeBytes + 1)
  sharedKeys = (sharedKeys + 1) % 2 ** (8 * countBytes)
  bytes.writeUIntBE(sharedKeys, timeBytes + 1 + lifeBytes.length, countBytes)
  return bytes
}
/** Of this process: a former one may have left keys of the same moment. */
const lifeBytes = randomBytes(8)
const countBytes = 6
let sharedKeys = 0
