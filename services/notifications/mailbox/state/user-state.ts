/**
 * What a user has done to messages, as a fold of the changes in the user's own stream. Pure: no store, no clock.
 *
 * A message is read when a mark says so, else when a watermark has passed it: the stream's, or its category's in the
 * stream. Marks of single messages lie in pieces of bounded size by seq. The last piece, the newest messages, is part
 * of the base document together with the watermarks, so the common change writes one document. A piece covers
 * from its `from` to the next piece's; marks outside of that (left by a spill that was cut short) are not looked at.
 * The base names its pieces: one that was stored and never named (an orphan) is not looked at either. A piece whose
 * messages have all expired is purged, and counts as empty; later the one before covers its place. The first stays.
 */
import type { JsonDoc } from '../../../../shared/store/store.js'
import { encodeTime } from '../../../../shared/contract/clock.js'
import { markPieceKey, stateBaseKey } from '../../../../shared/store/keys.js'
import { groupStream, type StreamId } from '../../../../shared/contract/names.js'
import { forgotten, type MarkChange, type StoredChange } from '../../log/change.js'
import type { Flags } from '../../log/entry.js'

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
  readonly orphans: ReadonlyMap<number, number>
}

export interface MarkLimits {
  /** How many marks lie in the base, and in an older piece, before it is split. */
  readonly maxBaseMarks: number
  readonly maxPieceMarks: number
  /** An older piece may be purged so long after the last of its messages has expired, whatever the clocks say. */
  readonly keepPieceMs: number
}
export const markLimits: MarkLimits = { maxBaseMarks: 400, maxPieceMarks: 800, keepPieceMs: 24 * 3_600_000 }

const noOrphans: ReadonlyMap<number, number> = new Map()

export const emptyState = (stream: StreamId): UserState =>
  ({ stream, foldedTo: 0, readTo: new Map(), pieces: [{ from: 0, v: undefined, marks: new Map(), isDirty: false }], orphans: noOrphans })

const markKey = (stream: StreamId, seq: number): string => `${encodeTime(seq)}${stream}`

function pieceOf (state: UserState, seq: number): MarkPiece {
  const { pieces } = state
  for (let i = pieces.length - 1; i > 0; i--) if (pieces[i]!.from <= seq) return pieces[i]!
  return pieces[0]!
}

export const basePiece = (state: UserState): MarkPiece => state.pieces.at(-1)!

export function markOf (state: UserState, stream: StreamId, seq: number): Mark | undefined {
  const { marks } = pieceOf(state, seq)
  return marks.size === 0 ? undefined : marks.get(markKey(stream, seq)) // of most users none: no key for nothing
}

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

/** Above this seq nothing of the stream is read, archived or deleted; Infinity where that would take looking. */
export function untouchedAbove ({ pieces, readTo }: UserState, stream: StreamId): number {
  if (pieces.some(({ marks }) => marks.size > 0)) return Infinity
  const watermark = readTo.get(stream)
  let above = watermark?.seq ?? 0
  for (const seq of watermark?.byCategory.values() ?? []) above = Math.max(above, seq)
  return above
}

/** By seq only from piece to piece. */
export function marksIn (state: UserState, stream: StreamId): readonly Mark[] {
  let found: Mark[] | undefined
  for (const { marks } of state.pieces) {
    if (marks.size === 0) continue // of most users: this runs for each number
    for (const mark of marks.values()) if (mark.stream === stream) (found ??= []).push(mark)
  }
  return found ?? noMarks
}

export const noMarks: readonly Mark[] = []

/** All marks in one pass: who asks for each of a thousand streams would go through all of them a thousand times. */
export function marksByStream ({ pieces }: UserState): ReadonlyMap<StreamId, readonly Mark[]> {
  const byStream = new Map<StreamId, Mark[]>()
  for (const { marks } of pieces) {
    for (const mark of marks.values()) {
      const known = byStream.get(mark.stream)
      if (known === undefined) byStream.set(mark.stream, [mark])
      else known.push(mark)
    }
  }
  return byStream
}

/** Folds one change of the own stream; changes come in the order of their seqs, each once. A recall changes counts only. */
export function foldChange (state: UserState, seq: number, change: StoredChange): void {
  if (seq <= state.foldedTo || change.type === 'recall') return
  state.foldedTo = seq
  switch (change.type) {
    case 'mark':
      foldMark(state, change)
      return
    case 'readTo':
      for (const [stream, to] of Object.entries(change.readTo) as Array<[StreamId, number]>) raiseWatermark(state, stream, to, change.category)
      return
    case 'membership':
      // A user who joins again sees what comes after that, which is above the watermark.
      if (!change.joined) state.readTo.delete(groupStream(change.group))
      return
    default: forgotten(change)
  }
}

function foldMark (state: UserState, change: MarkChange): void {
  for (const { stream, seq: at, category, expiresAt } of change.messages) {
    const piece = pieceOf(state, at)
    const key = markKey(stream, at)
    const old = piece.marks.get(key)
    keepMark(state, piece, key, {
      stream, seq: at, category, expiresAt,
      read: change.read ?? old?.read,
      archived: change.archived ?? old?.archived ?? false,
      deleted: change.deleted ?? old?.deleted ?? false
    })
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

/** How many watermarks of categories there are: they lie in the base document, and are kept whatever expires. */
export function categoryWatermarks ({ readTo }: UserState): number {
  let count = 0
  for (const { byCategory } of readTo.values()) count += byCategory.size
  return count
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
 * The documents that carry the state as it is now: new pieces first, then changed ones, the base last. So whatever is
 * cut short, a fold that starts from the stored base finds every mark at or below its `foldedTo` in place. A changed
 * piece may be the rest of one that was split: the base names the new ones before, while it still says `storedTo`, up to
 * where it was folded when last stored. And whenever a piece is written, the base is so before: another writer who read
 * the pieces as they were fails at the base, or finds a piece changed. After a failure the state must be loaded again.
 * `now`: what has expired by it is over by every clock; its marks are forgotten for good.
 */
export function saveSteps (state: UserState, storedTo: number, now: number, limits = markLimits): SaveStep[] {
  for (const piece of state.pieces) {
    if (!piece.isDirty) continue
    for (const [key, mark] of piece.marks) if (mark.expiresAt <= now) piece.marks.delete(key)
  }
  const isBaseAlone = state.pieces.every(piece => !isOver(state, piece, limits) && (piece === basePiece(state) || !piece.isDirty))
  const steps: SaveStep[] = []
  // A split leaves the base its version.
  let { v } = basePiece(state)
  const addBase = (text: string): void => {
    steps.push({ pieces: [{ was: v, piece: basePiece(state), doc: { key: stateBaseKey(state.stream), v: v = (v ?? -1) + 1, purgeAt: null, text } }] })
  }
  const addPieces = (pieces: readonly MarkPiece[]): void => {
    if (pieces.length > 0) steps.push({ pieces: pieces.map(piece => packPiece(state, piece, now, limits)) })
  }
  if (!isBaseAlone) {
    const asItWas = packBase(state, storedTo, namesOf(state))
    const dropped = dropExpired(state, now)
    spill(state, limits)
    const dirty = state.pieces.slice(0, -1).filter(piece => piece.isDirty)
    const fresh = dirty.filter(piece => piece.v === undefined)
    const changed = dirty.filter(piece => piece.v !== undefined)
    addBase(asItWas)
    addPieces(fresh)
    if (fresh.length > 0 && changed.length > 0) addBase(packBase(state, storedTo, [...namesOf(state), ...dropped].sort((a, b) => a - b)))
    addPieces(changed)
  }
  addBase(packBase(state, state.foldedTo, namesOf(state)))
  for (const piece of state.pieces) piece.isDirty = false
  return steps
}

function packPiece (state: UserState, piece: MarkPiece, now: number, { keepPieceMs }: MarkLimits): SaveStep['pieces'][number] {
  const was = piece.v ?? state.orphans.get(piece.from)
  const doc: JsonDoc = {
    key: markPieceKey(state.stream, piece.from),
    v: (was ?? -1) + 1,
    purgeAt: piece === state.pieces[0] ? null : lastExpiry(piece, now) + keepPieceMs,
    text: JSON.stringify([...piece.marks.values()].map(packMark))
  }
  return { was, piece, doc }
}

const lastExpiry = (piece: MarkPiece, now: number): number => [...piece.marks.values()].reduce((last, { expiresAt }) => Math.max(last, expiresAt), now)

/**
 * The piece before covers the place of one whose messages have all expired. What it still holds of that place, from
 * before a split, is gone by then: it makes a piece dirty when it is loaded.
 */
function dropExpired ({ pieces }: UserState, now: number): number[] {
  const dropped: number[] = []
  for (let i = pieces.length - 2; i > 0; i--) {
    const { from, marks } = pieces[i]!
    if ([...marks.values()].some(({ expiresAt }) => expiresAt > now)) continue
    dropped.push(from)
    pieces.splice(i, 1)
  }
  return dropped
}

const isOver = (state: UserState, piece: MarkPiece, { maxBaseMarks, maxPieceMarks }: MarkLimits): boolean =>
  piece.marks.size > (piece === basePiece(state) ? maxBaseMarks : maxPieceMarks)

/** Moves the older marks of a full base out, and splits a full piece. */
function spill (state: UserState, limits: MarkLimits): void {
  const { pieces } = state
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!
    if (!isOver(state, piece, limits)) continue
    const isBase = piece === basePiece(state)
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

/** The piece of these marks, dirty where some lie outside of its place. */
function unpackPiece (from: number, to: number, v: number | undefined, packed: readonly PackedMark[]): MarkPiece {
  const piece: MarkPiece = { from, v, marks: new Map(), isDirty: false }
  for (const [stream, seq, bits, expiresAt, category = 'general'] of packed) {
    if (seq < from || seq >= to) { piece.isDirty = true; continue }
    const read = (bits & readBit) !== 0 ? true : (bits & unreadBit) !== 0 ? false : undefined
    piece.marks.set(markKey(stream, seq), { stream, seq, category, expiresAt, read, archived: (bits & archivedBit) !== 0, deleted: (bits & deletedBit) !== 0 })
  }
  return piece
}

interface PackedBase { foldedTo: number, marksFrom: number, pieces: number[], readTo: Array<[StreamId, number, Array<[string, number]>]>, marks: PackedMark[] }

const namesOf = (state: UserState): number[] => state.pieces.slice(0, -1).map(({ from }) => from)

function packBase (state: UserState, foldedTo: number, pieces: number[]): string {
  const base = basePiece(state)
  const packed: PackedBase = {
    foldedTo,
    marksFrom: base.from,
    pieces,
    readTo: [...state.readTo].map(([stream, { seq, byCategory }]) => [stream, seq, [...byCategory]]),
    marks: [...base.marks.values()].map(packMark)
  }
  return JSON.stringify(packed)
}

/** The document of a piece, and the seq from which it covers marks. */
export interface StoredPiece { readonly from: number, readonly doc: JsonDoc }

/** The state out of its stored documents; `pieces` in any order. */
export function loadState (stream: StreamId, base: JsonDoc | undefined, pieces: readonly StoredPiece[]): UserState {
  const packed = base === undefined ? undefined : JSON.parse(base.text) as PackedBase
  const marksFrom = packed?.marksFrom ?? 0
  const named = packed?.pieces ?? []
  const docs = new Map(pieces.map(({ from, doc }) => [from, doc]))
  const loaded: MarkPiece[] = []
  for (const [i, from] of named.entries()) {
    const doc = docs.get(from) // purged when all in it had expired
    loaded.push(unpackPiece(from, named[i + 1] ?? marksFrom, doc?.v, doc === undefined ? [] : JSON.parse(doc.text) as PackedMark[]))
    docs.delete(from)
  }
  loaded.push(unpackPiece(marksFrom, Infinity, base?.v, packed?.marks ?? []))
  const orphans = docs.size === 0 ? noOrphans : new Map([...docs].map(([from, { v }]) => [from, v]))
  const state: UserState = { stream, foldedTo: packed?.foldedTo ?? 0, readTo: new Map(), pieces: loaded, orphans }
  for (const [name, seq, byCategory] of packed?.readTo ?? []) state.readTo.set(name, { seq, byCategory: new Map(byCategory) })
  return state
}
