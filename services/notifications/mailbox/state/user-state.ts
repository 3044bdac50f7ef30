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
import { encodeTime } from '../../../../shared/contract/clock.js'
import { groupStream, type StreamId } from '../../../../shared/contract/names.js'
import { addTo } from '../../../../shared/platform/group-by.js'
import { SparseMap } from '../../../../shared/platform/small-collections.js'
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
  readonly acted: string | undefined
}

export interface Watermark {
  seq: number
  readonly byCategory: Map<string, number>
}

export interface MarkPiece {
  from: number
  /** The stored version; undefined: not stored yet. */
  v: number | undefined
  readonly marks: SparseMap<string, Mark>
  isDirty: boolean
}

export interface UserState {
  readonly stream: StreamId
  /** The seq in the user's own stream up to which changes are in here. */
  foldedTo: number
  readonly readTo: SparseMap<StreamId, Watermark>
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

export const noOrphans: ReadonlyMap<number, number> = new Map()

export const emptyState = (stream: StreamId): UserState =>
  ({ stream, foldedTo: 0, readTo: new SparseMap(), pieces: [{ from: 0, v: undefined, marks: new SparseMap(), isDirty: false }], orphans: noOrphans })

export const markKey = (stream: StreamId, seq: number): string => `${encodeTime(seq)}${stream}`

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
    deleted: mark?.deleted ?? false,
    acted: mark?.acted
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
    for (const mark of marks.values()) addTo(byStream, mark.stream, mark)
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
      deleted: change.deleted ?? old?.deleted ?? false,
      acted: change.acted ?? old?.acted
    })
  }
}

/** A mark that says what the watermarks say anyway is not kept. */
function keepMark (state: UserState, piece: MarkPiece, key: string, mark: Mark): void {
  piece.isDirty = true
  const below = isBelowWatermark(state, mark.stream, mark.seq, mark.category)
  const read = mark.read === below ? undefined : mark.read
  if (read === undefined && !mark.archived && !mark.deleted && mark.acted === undefined) piece.marks.delete(key)
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
