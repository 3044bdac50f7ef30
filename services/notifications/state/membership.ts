/**
 * A user's membership of a group: one document under the user, a copy under the group. Both carry the seq of the
 * user's join or leave entry and are replaced only by a higher one; leaving leaves a tombstone, so that a token issued
 * before cannot bring the user back.
 */
import type { JsonDoc, Replacement } from '../../../shared/store/store.js'
import { membershipKey } from '../../../shared/keys.js'
import { groupStream, userStream, type GroupId, type UserId } from '../../../shared/names.js'

export interface Membership {
  readonly isMember: boolean
  /** The seq of the entry in the user's stream that made it so. */
  readonly seq: number
  /** The seq of the group after which this member sees it. */
  readonly after: number
}

export const parseMembership = (doc: JsonDoc): Membership => JSON.parse(doc.text) as Membership

/** Under the user and under the group, as the group lists its members and the user its groups. */
export const membershipKeys = (user: UserId, group: GroupId): [string, string] =>
  [membershipKey(userStream(user), group), membershipKey(groupStream(group), user)]

/** What would store this membership over these documents; nothing where a later one is there. */
export function replaceMembership (key: string, stored: JsonDoc | undefined, membership: Membership): Replacement<JsonDoc> | undefined {
  if (stored !== undefined && parseMembership(stored).seq >= membership.seq) return undefined
  return { was: stored?.v, doc: { key, v: (stored?.v ?? -1) + 1, purgeAt: null, text: JSON.stringify(membership) } }
}
