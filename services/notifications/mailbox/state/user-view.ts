/**
 * What a node has of one user in memory: state, groups and own unread counts, as of some seq of the user's own stream, and how much of
 * that is stored. Entries of the own stream move it on, each once, in their order.
 */
import { timeOfId, toMs } from '../../../../shared/contract/clock.js'
import { userStream, type GroupId, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import { SparseMap } from '../../../../shared/platform/small-collections.js'
import type { EntryDoc } from '../../../../shared/store/store.js'
import { parseChange, type StoredChange } from '../../log/change.js'
import { countEntry, type OwnCounts } from '../unread/own-counts.js'
import type { Membership } from './membership.js'
import { loadState } from './packed-state.js'
import { foldChange, type UserState } from './user-state.js'

export class UserView {
  readonly user: UserId
  readonly stream: StreamId
  /** The seq of the own stream up to which this view stands. */
  head = 0
  state: UserState
  readonly memberships = new SparseMap<GroupId, Membership>()
  counts: OwnCounts
  /** The seq of the own stream up to which its fold is stored. */
  storedTo = 0
  /** The stored version of the counts' document. */
  countsVersion: number | undefined
  /** Groups whose membership was read from an entry: its documents are stored before the fold passes that entry. */
  unstored: Set<GroupId> | undefined
  /** Storing failed, so nobody knows what of it is stored: the documents are read again before the next time. */
  isHalfStored = false

  constructor (user: UserId, counts: OwnCounts) {
    this.user = user
    this.stream = userStream(user)
    this.state = loadState(this.stream, undefined, [])
    this.counts = counts
  }

  /** What it takes in memory with its place in the table, about: measured of 50,000 in one heap. */
  get bytes (): number {
    const { state: { pieces, readTo, orphans }, memberships, counts: { segments, tail, recalled } } = this
    let marks = 0
    for (const piece of pieces) marks += piece.marks.size
    const received = tail.values.length === 0 ? 0 : 600
    return 550 + received + marks * 250 + pieces.length * 250 + readTo.size * 250 + (memberships.size + orphans.size) * 150 + segments.length * 400 + tail.values.length * 8 + (tail.categories.length + (recalled?.size ?? 0)) * 60
  }

  /** What is known of the membership, if it is newer than what was. */
  takeMembership (group: GroupId, membership: Membership): void {
    const known = this.memberships.get(group)
    if (known === undefined || known.seq < membership.seq) this.memberships.set(group, membership)
  }

  /** The next entry of the own stream. True when counts were sealed. */
  take (doc: EntryDoc, now: () => number): boolean {
    if (doc.seq <= this.head && doc.seq <= this.state.foldedTo) return false
    const change = foldEntry(this.state, doc)
    if (change?.type === 'membership') {
      const group = change.group as GroupId
      this.takeMembership(group, { isMember: change.joined, seq: doc.seq, after: change.after ?? 0, at: toMs(timeOfId(doc.id)) })
      this.unstored ??= new Set()
      this.unstored.add(group)
    }
    if (doc.seq <= Math.max(this.head, this.counts.sealedTo)) { this.head = Math.max(this.head, doc.seq); return false }
    this.head = doc.seq
    return countEntry(this.counts, doc, change, this.state, now)
  }
}

/** Folds the entry into the state if it is a change, which it gives. */
export function foldEntry (state: UserState, doc: EntryDoc): StoredChange | undefined {
  if (doc.kind !== 'change') return undefined
  const change = parseChange(doc)
  foldChange(state, doc.seq, change)
  return change
}

export const groupsOf = (view: UserView): GroupId[] => [...view.memberships].filter(([, { isMember }]) => isMember).map(([group]) => group)
