/**
 * A user's membership of a group: one document under the user, a copy under the group. Both carry the seq of the
 * user's join or leave entry and are replaced only by a higher one; leaving leaves a tombstone, so that a token issued
 * before cannot bring the user back.
 */
import { GatepostError } from '../../../../shared/contract/errors.js'
import { toMs } from '../../../../shared/contract/clock.js'
import type { JsonDoc, Replacement, Store } from '../../../../shared/store/store.js'
import { membershipKey } from '../../../../shared/store/keys.js'
import { groupStream, userStream, type GroupId, type UserId } from '../../../../shared/contract/names.js'

export interface Membership {
  readonly isMember: boolean
  /** The seq of the entry in the user's stream that made it so. */
  readonly seq: number
  /** The seq of the group after which this member sees it. */
  readonly after: number
  /** The leave is marked in the group's stream too (log/leave-mark.ts); missing: not, or nobody knows. */
  readonly isMarked?: boolean
  /** Ms since 1970 when it was said; older documents go without. */
  readonly at?: number
}

/** When it was said. A stream may be ahead of every clock: its seq tells that only where nothing else does. */
export const saidAtMs = ({ at, seq }: Membership): number => at ?? toMs(seq)

export const parseMembership = (doc: JsonDoc): Membership => JSON.parse(doc.text) as Membership

/** Under the user and under the group, as the group lists its members and the user its groups. */
const membershipKeys = (user: UserId, group: GroupId): [string, string] =>
  [membershipKey(userStream(user), group), membershipKey(groupStream(group), user)]

/** As it is stored under the user, where that is of this seq or later. */
export async function storedMembership (store: Store, user: UserId, group: GroupId, seq: number): Promise<Membership | undefined> {
  const [doc] = await store.get('state', membershipKeys(user, group).slice(0, 1))
  const stored = doc === undefined ? undefined : parseMembership(doc)
  return stored !== undefined && stored.seq >= seq ? stored : undefined
}

const maxTries = 20

/** Writes both documents, unless later ones are there. Rejects with GP_STORE_UNAVAILABLE. */
export async function storeMembership (store: Store, user: UserId, group: GroupId, membership: Membership): Promise<void> {
  const keys = membershipKeys(user, group)
  for (let tries = 0; tries < maxTries; tries++) {
    const stored = await store.get('state', keys)
    const replacements = keys.map((key, i) => replaceMembership(key, stored[i], membership)).filter((replacement): replacement is Replacement<JsonDoc> => replacement !== undefined)
    if (replacements.length === 0) return
    const outcomes = await store.replace('state', replacements)
    if (outcomes.includes('refused')) break
  }
  throw new GatepostError('GP_STORE_UNAVAILABLE', 'a membership could not be stored; the same again completes it')
}

/** What would store this membership over these documents; nothing where a later one is there. */
function replaceMembership (key: string, stored: JsonDoc | undefined, membership: Membership): Replacement<JsonDoc> | undefined {
  const known = stored === undefined ? undefined : parseMembership(stored)
  const isNews = known === undefined || known.seq < membership.seq || (known.seq === membership.seq && membership.isMarked === true && known.isMarked !== true)
  if (!isNews) return undefined
  return { was: stored?.v, doc: { key, v: (stored?.v ?? -1) + 1, purgeAt: null, text: JSON.stringify(membership) } }
}
