/** The documents that carry a user's state: how they are written, in which order, and read again. */
import type { StreamId } from '../../../../shared/contract/names.js'
import { markPieceKey, stateBaseKey } from '../../../../shared/store/keys.js'
import type { JsonDoc } from '../../../../shared/store/store.js'
import { SparseMap } from '../../../../shared/platform/small-collections.js'
import { basePiece, markKey, markLimits, noOrphans, type Mark, type MarkLimits, type MarkPiece, type UserState } from './user-state.js'

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
    const upper: MarkPiece = { from: upperFrom, v: isBase ? piece.v : undefined, marks: new SparseMap(), isDirty: true }
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

type PackedMark = [stream: StreamId, seq: number, bits: number, expiresAt: number, category?: string, acted?: string]
const readBit = 1
const unreadBit = 2
const archivedBit = 4
const deletedBit = 8

function packMark (mark: Mark): PackedMark {
  const bits = (mark.read === true ? readBit : mark.read === false ? unreadBit : 0) | (mark.archived ? archivedBit : 0) | (mark.deleted ? deletedBit : 0)
  const packed: PackedMark = [mark.stream, mark.seq, bits, mark.expiresAt]
  if (mark.category !== 'general' || mark.acted !== undefined) packed.push(mark.category)
  if (mark.acted !== undefined) packed.push(mark.acted)
  return packed
}

/** The piece of these marks, dirty where some lie outside of its place. */
function unpackPiece (from: number, to: number, v: number | undefined, packed: readonly PackedMark[]): MarkPiece {
  const piece: MarkPiece = { from, v, marks: new SparseMap(), isDirty: false }
  for (const [stream, seq, bits, expiresAt, category = 'general', acted] of packed) {
    if (seq < from || seq >= to) { piece.isDirty = true; continue }
    const read = (bits & readBit) !== 0 ? true : (bits & unreadBit) !== 0 ? false : undefined
    piece.marks.set(markKey(stream, seq), { stream, seq, category, expiresAt, read, archived: (bits & archivedBit) !== 0, deleted: (bits & deletedBit) !== 0, acted })
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
  const older = named.map((from, i) => {
    const doc = docs.get(from) // purged when all in it had expired
    docs.delete(from)
    return unpackPiece(from, named[i + 1] ?? marksFrom, doc?.v, doc === undefined ? [] : JSON.parse(doc.text) as PackedMark[])
  })
  const loaded = older.concat(unpackPiece(marksFrom, Infinity, base?.v, packed?.marks ?? []))
  const orphans = docs.size === 0 ? noOrphans : new Map([...docs].map(([from, { v }]) => [from, v]))
  const state: UserState = { stream, foldedTo: packed?.foldedTo ?? 0, readTo: new SparseMap(), pieces: loaded, orphans }
  for (const [name, seq, byCategory] of packed?.readTo ?? []) state.readTo.set(name, { seq, byCategory: new Map(byCategory) })
  return state
}
