/**
 * What a user has done to messages, as a fold of the changes in the user's own stream. Pure: no store, no clock.
 *
 * A message is read when a mark says so, else when a watermark has passed it: the stream's, or its category's in the
 * stream. Marks of single messages lie in pieces of bounded size by seq. The last piece, the newest messages, is part
 * of the base document together with the watermarks, so the common change writes one document. A piece covers
 * from its `from` to the next piece's; marks outside of that (left by a spill that was cut short) are not looked at.
 * The base names its pieces: one that was stored and never named (an orphan) is not looked at either. A piece whose
 * messages have all expired is purged, and the one before it covers its place; the first stays.
 */
import type { JsonDoc } from '../../../shared/store/store.js'
import { encodeTime } from '../../../shared/clock.js'
import { markPieceKey, stateBaseKey } from '../../../shared/keys.js'
import type { StreamId } from '../../../shared/names.js'
import type { StoredChange } from '../stream/change.js'
import type { Flags } from '../stream/entry.js'

export interface Mark {
  readonly stream: StreamId
  readonly seq: number
  readonly category: string
  readonly expiresAt: number
  /** Undefined: the watermarks decide. */
  readonly read: boolean | undefined
  readonly archived: boolean
  readonly deleted: boolean
}

export interface Watermark {
  seq: number
  readonly byCategory: Map<string, number>
}

export interface MarkPiece {
  from: number
  /** The stored version; undefined: not stored yet. */
  v: number | undefined
  readonly marks: Map<string, Mark>
  isDirty: boolean
}

export interface UserState {
  readonly stream: StreamId
  /** The seq in the user's own stream up to which changes are in here. */
  foldedTo: number
  readonly readTo: Map<StreamId, Watermark>
  /** Ascending by `from`; the last one is stored in the base document. */
  readonly pieces: MarkPiece[]
  /** Stored pieces that nothing reads (a spill was cut short): their versions by `from`. */
  readonly orphans: Map<number, number>
}

export interface MarkLimits {
  /** How many marks lie in the base, and in an older piece, before it is split. */
  readonly maxBaseMarks: number
  readonly maxPieceMarks: number
  /** An older piece may be purged so long after the last of its messages has expired, whatever the clocks say. */
  readonly keepPieceMs: number
}
export const markLimits: MarkLimits = { maxBaseMarks: 400, maxPieceMarks: 800, keepPieceMs: 24 * 3_600_000 }

export const emptyState = (stream: StreamId): UserState =>
  ({ stream, foldedTo: 0, readTo: new Map(), pieces: [{ from: 0, v: undefined, marks: new Map(), isDirty: false }], orphans: new Map() })

const markKey = (stream: StreamId, seq: number): string => `${encodeTime(seq)}${stream}`

function pieceOf (state: UserState, seq: number): MarkPiece {
  const { pieces } = state
  for (let i = pieces.length - 1; i > 0; i--) if (pieces[i]!.from <= seq) return pieces[i]!
  return pieces[0]!
}

export const basePiece = (state: UserState): MarkPiece => state.pieces.at(-1)!

export const markOf = (state: UserState, stream: StreamId, seq: number): Mark | undefined =>
  pieceOf(state, seq).marks.get(markKey(stream, seq))

/** Whether the watermarks alone make this message read. */
export function isBelowWatermark (state: UserState, stream: StreamId, seq: number, category: string): boolean {
  const watermark = state.readTo.get(stream)
  return watermark !== undefined && (seq <= watermark.seq || seq <= (watermark.byCategory.get(category) ?? 0))
}

export function flagsOf (state: UserState, stream: StreamId, seq: number, category: string): Flags & { deleted: boolean } {
  const mark = markOf(state, stream, seq)
  return {
    read: mark?.read ?? isBelowWatermark(state, stream, seq, category),
    archived: mark?.archived ?? false,
    deleted: mark?.deleted ?? false
  }
}

export function * marksIn (state: UserState, stream: StreamId): Generator<Mark> {
  for (const piece of state.pieces) for (const mark of piece.marks.values()) if (mark.stream === stream) yield mark
}

/** Folds one change of the own stream; changes come in the order of their seqs, each once. */
export function foldChange (state: UserState, seq: number, change: StoredChange): void {
  if (seq <= state.foldedTo) return
  state.foldedTo = seq
  if (change.type === 'mark') {
    for (const message of change.messages) {
      const { stream, seq: at, category, expiresAt } = message
      const piece = pieceOf(state, at)
      const key = markKey(stream, at)
      const old = piece.marks.get(key)
      const mark: Mark = {
        stream, seq: at, category, expiresAt,
        read: change.read ?? old?.read,
        archived: change.archived ?? old?.archived ?? false,
        deleted: change.deleted ?? old?.deleted ?? false
      }
      keepMark(state, piece, key, mark)
    }
  } else if (change.type === 'readTo') {
    for (const [stream, to] of Object.entries(change.readTo) as Array<[StreamId, number]>) raiseWatermark(state, stream, to, change.category)
  }
}

/** A mark that says what the watermarks say anyway is not kept. */
function keepMark (state: UserState, piece: MarkPiece, key: string, mark: Mark): void {
  piece.isDirty = true
  const below = isBelowWatermark(state, mark.stream, mark.seq, mark.category)
  const read = mark.read === below ? undefined : mark.read
  if (read === undefined && !mark.archived && !mark.deleted) piece.marks.delete(key)
  else piece.marks.set(key, { ...mark, read })
}

function raiseWatermark (state: UserState, stream: StreamId, to: number, category: string | undefined): void {
  let watermark = state.readTo.get(stream)
  if (watermark === undefined) state.readTo.set(stream, watermark = { seq: 0, byCategory: new Map() })
  if (category === undefined) {
    watermark.seq = Math.max(watermark.seq, to)
    for (const [name, seq] of watermark.byCategory) if (seq <= watermark.seq) watermark.byCategory.delete(name)
  } else if (to > watermark.seq) {
    watermark.byCategory.set(category, Math.max(watermark.byCategory.get(category) ?? 0, to))
  }
  for (const piece of state.pieces) {
    if (piece.from > to) break
    for (const [key, mark] of piece.marks) {
      if (mark.stream !== stream || mark.seq > to || mark.read === undefined || (category !== undefined && mark.category !== category)) continue
      keepMark(state, piece, key, { ...mark, read: undefined })
    }
  }
}

/** One step of storing: all of it must be stored before the next step begins. */
export interface SaveStep { readonly pieces: Array<{ was: number | undefined, doc: JsonDoc, piece: MarkPiece }> }

/**
 * The documents that carry the state as it is now (the pieces count as clean from here on; mark those dirty that could
 * not be stored): new pieces first, then changed ones, the base last. So whatever is cut short, a fold that starts from
 * the stored base finds every mark at or below its `foldedTo` in place. A changed piece may be the rest of one that was
 * split: the base names the new ones before, while it still says `storedTo`, up to where it was folded when last stored.
 */
export function saveSteps (state: UserState, storedTo: number, now: number, limits = markLimits): SaveStep[] {
  const fresh: SaveStep = { pieces: [] }
  const changed: SaveStep = { pieces: [] }
  for (const piece of state.pieces) {
    if (!piece.isDirty) continue
    for (const [key, mark] of piece.marks) if (mark.expiresAt <= now) piece.marks.delete(key)
  }
  spill(state, limits)
  for (const [i, piece] of state.pieces.slice(0, -1).entries()) {
    if (!piece.isDirty) continue
    const was = piece.v ?? state.orphans.get(piece.from)
    const step = piece.v === undefined ? fresh : changed
    piece.isDirty = false
    step.pieces.push({ was, piece, doc: { key: markPieceKey(state.stream, piece.from), v: (was ?? -1) + 1, purgeAt: i === 0 ? null : lastExpiry(piece, now) + limits.keepPieceMs, text: JSON.stringify([...piece.marks.values()].map(packMark)) } })
  }
  const base = basePiece(state)
  const baseStep = (was: number | undefined, foldedTo: number): SaveStep =>
    ({ pieces: [{ was, piece: base, doc: { key: stateBaseKey(state.stream), v: (was ?? -1) + 1, purgeAt: null, text: packBase(state, foldedTo) } }] })
  if (changed.pieces.length === 0) return fresh.pieces.length === 0 ? [baseStep(base.v, state.foldedTo)] : [fresh, baseStep(base.v, state.foldedTo)]
  if (fresh.pieces.length === 0) return [changed, baseStep(base.v, state.foldedTo)]
  return [fresh, baseStep(base.v, storedTo), changed, baseStep((base.v ?? -1) + 1, state.foldedTo)]
}

const lastExpiry = (piece: MarkPiece, now: number): number => [...piece.marks.values()].reduce((last, { expiresAt }) => Math.max(last, expiresAt), now)

/** Moves the older marks of a full base out, and splits a full piece. */
function spill (state: UserState, { maxBaseMarks, maxPieceMarks }: MarkLimits): void {
  const { pieces } = state
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!
    const isBase = i === pieces.length - 1
    if (piece.marks.size <= (isBase ? maxBaseMarks : maxPieceMarks)) continue
    const keys = [...piece.marks.keys()].sort()
    const upperFrom = piece.marks.get(keys[keys.length >> 1]!)!.seq
    if (upperFrom <= piece.from) continue
    // The upper half keeps the place of what it was (base stays base); the lower half is the new document of a base,
    // the upper half that of an older piece.
    const upper: MarkPiece = { from: upperFrom, v: isBase ? piece.v : undefined, marks: new Map(), isDirty: true }
    for (const [key, mark] of piece.marks) {
      if (mark.seq < upperFrom) continue
      piece.marks.delete(key)
      upper.marks.set(key, mark)
    }
    if (isBase) piece.v = undefined
    piece.isDirty = true
    pieces.splice(i + 1, 0, upper)
  }
}

type PackedMark = [stream: StreamId, seq: number, bits: number, expiresAt: number, category?: string]
const readBit = 1
const unreadBit = 2
const archivedBit = 4
const deletedBit = 8

function packMark (mark: Mark): PackedMark {
  const bits = (mark.read === true ? readBit : mark.read === false ? unreadBit : 0) | (mark.archived ? archivedBit : 0) | (mark.deleted ? deletedBit : 0)
  const packed: PackedMark = [mark.stream, mark.seq, bits, mark.expiresAt]
  if (mark.category !== 'general') packed.push(mark.category)
  return packed
}

function unpackMarks (packed: readonly PackedMark[], from: number, to: number): Map<string, Mark> {
  const marks = new Map<string, Mark>()
  for (const [stream, seq, bits, expiresAt, category = 'general'] of packed) {
    if (seq < from || seq >= to) continue
    const read = (bits & readBit) !== 0 ? true : (bits & unreadBit) !== 0 ? false : undefined
    marks.set(markKey(stream, seq), { stream, seq, category, expiresAt, read, archived: (bits & archivedBit) !== 0, deleted: (bits & deletedBit) !== 0 })
  }
  return marks
}

interface PackedBase { foldedTo: number, marksFrom: number, pieces: number[], readTo: Array<[StreamId, number, Array<[string, number]>]>, marks: PackedMark[] }

function packBase (state: UserState, foldedTo: number): string {
  const base = basePiece(state)
  const packed: PackedBase = {
    foldedTo,
    marksFrom: base.from,
    pieces: state.pieces.slice(0, -1).map(({ from }) => from),
    readTo: [...state.readTo].map(([stream, { seq, byCategory }]) => [stream, seq, [...byCategory]]),
    marks: [...base.marks.values()].map(packMark)
  }
  return JSON.stringify(packed)
}

/** The state out of its stored documents; `pieces` in any order. */
export function loadState (stream: StreamId, base: JsonDoc | undefined, pieces: ReadonlyArray<{ from: number, doc: JsonDoc }>): UserState {
  const state = emptyState(stream)
  const packed = base === undefined ? undefined : JSON.parse(base.text) as PackedBase
  const marksFrom = packed?.marksFrom ?? 0
  const named = new Set(packed?.pieces)
  const read = pieces.filter(({ from }) => named.has(from)).sort((a, b) => a.from - b.from)
  for (const { from, doc } of pieces) if (!named.has(from)) state.orphans.set(from, doc.v)
  state.pieces.length = 0
  for (const [i, { from, doc }] of read.entries()) {
    state.pieces.push({ from, v: doc.v, marks: unpackMarks(JSON.parse(doc.text) as PackedMark[], from, read[i + 1]?.from ?? marksFrom), isDirty: false })
  }
  state.pieces.push({ from: marksFrom, v: base?.v, marks: unpackMarks(packed?.marks ?? [], marksFrom, Infinity), isDirty: false })
  if (packed === undefined) return state
  state.foldedTo = packed.foldedTo
  for (const [name, seq, byCategory] of packed.readTo) state.readTo.set(name, { seq, byCategory: new Map(byCategory) })
  return state
}
