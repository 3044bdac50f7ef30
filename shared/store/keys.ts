/**
 * Every stored document has one string key, built here and nowhere else:
 * `hash of the owner (4 hex) + owner + TAB + rest`. No name contains a control character, so TAB ends the owner
 * and everything of one owner lies side by side. The key is order, chain and shard key at once.
 *
 * | collection | owner | rest | document |
 * | --- | --- | --- | --- |
 * | entries | the stream | `prev`, 11 base-36 digits | an entry |
 * | state | `u:USER` | `b` | the fold's base: watermarks, where the fold stands |
 * | state | `u:USER` | `c` | unread counts of the own stream, by segment |
 * | state | `u:USER` | `m` + group | a membership, as its user sees it |
 * | state | `u:USER` | `g` | which groups came by tokens, and by how new a one |
 * | state | `u:USER` | `p` + seq | marks of single messages from that seq on |
 * | state | `g:GROUP` | `m` + user | the same membership, as the group lists it |
 * | claims | scope + sender | `k` + hash of the idempotency key | a claim |
 * | claims | `act:u:USER` | `k` + message id | the action that the user chose |
 * | claims | `link:admin` | `k` + link id | that a link which signs an admin in was used |
 * | claims | the stream | `l` + message id | a late pointer: where an entry lies that landed late |
 */
import { encodeTime, hash4 } from '../contract/clock.js'
import type { StreamId } from '../contract/names.js'
import { remember } from '../contract/remember.js'
import type { KeyRange } from './store.js'

const tab = '\t'
/** Sorts after every rest: a rest begins with a letter or a digit. */
const afterRests = '\n'

/** The keys of one owner all begin with this. Remembered for the owners seen last: a hash costs more than a key. */
export const ownerPrefix = remember(owner => hash4(owner) + owner + tab, 50_000)

/** All keys of one owner. TAB + 1 is LF, which no owner contains either. */
export function ownerRange (owner: string): KeyRange {
  const from = ownerPrefix(owner)
  return { from, to: from.slice(0, -1) + afterRests }
}

export const entryKey = (stream: StreamId, prev: number): string => ownerPrefix(stream) + encodeTime(prev)
/** Keys of the entries that follow `prev` (itself a seq), up to the stream's end. */
export const entriesAfter = (stream: StreamId, prev: number): KeyRange => ({ from: entryKey(stream, prev), to: ownerRange(stream).to })
/** Keys of the entries whose `prev` is below `seq`; the last of them is the one with seq `seq`, if it exists. */
export const entriesBefore = (stream: StreamId, seq: number): KeyRange => ({ from: ownerPrefix(stream), to: entryKey(stream, seq) })

export const stateBaseKey = (userStream: StreamId): string => ownerPrefix(userStream) + 'b'
export const countsKey = (userStream: StreamId): string => ownerPrefix(userStream) + 'c'
export const claimedGroupsKey = (userStream: StreamId): string => ownerPrefix(userStream) + 'g'
export const markPieceKey = (userStream: StreamId, fromSeq: number): string => ownerPrefix(userStream) + 'p' + encodeTime(fromSeq)
/** A membership under its owner: the user's stream (member = group name) or the group's stream (member = user name). */
export const membershipKey = (owner: StreamId, member: string): string => ownerPrefix(owner) + 'm' + member
/** The memberships under an owner, those after `after` (exclusive) where it is given. */
export function membershipRange (owner: StreamId, after?: string): KeyRange {
  const prefix = ownerPrefix(owner)
  return { from: after === undefined ? prefix + 'm' : prefix + 'm' + after + '\0', to: prefix + 'n' }
}

export const claimKey = (scope: string, sender: string, keyHash: string): string => ownerPrefix(`${scope}:${sender}`) + 'k' + keyHash
export const latePointerKey = (stream: StreamId, messageId: string): string => ownerPrefix(stream) + 'l' + messageId
