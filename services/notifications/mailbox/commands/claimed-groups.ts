/**
 * Groups under GATEPOST_AUTH_GROUPS=replace: what a user's newest token says is the whole truth for the groups that came
 * by tokens, and touches no other.
 *
 * One document for each user says when the newest token was issued, which groups came by tokens, and which left with
 * one. It names a group before it is joined and until it is left: whatever is cut short, the same token completes it.
 */
import { toMs } from '../../../../shared/contract/clock.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import { maxAheadMs } from '../../../../shared/contract/claims.js'
import { claimedGroupsKey } from '../../../../shared/store/keys.js'
import { userStream, type GroupId, type UserId } from '../../../../shared/contract/names.js'
import type { JsonDoc, Store } from '../../../../shared/store/store.js'
import { saidAtMs, type Membership } from '../state/membership.js'
import type { UserViews } from '../state/user-views.js'

export interface ClaimedGroups {
  /** Joins what the token names and leaves what it does not; nothing where a newer token has come. */
  replace: (user: UserId, groups: readonly GroupId[], issued: Issued) => Promise<void>
  /** The group was joined by other means too: no token takes the user out of it. */
  keep: (user: UserId, group: GroupId) => Promise<void>
}

/** When a token was issued, in ms since 1970, by a clock that may have been ahead by so much. */
export interface Issued {
  readonly atMs: number
  readonly aheadMs: number
}

export interface ClaimedGroupsOptions {
  readonly store: Store
  readonly views: Pick<UserViews, 'fresh'>
  /** Joins or leaves. */
  readonly record: (user: UserId, group: GroupId, isMember: boolean) => Promise<Membership>
}

interface Claimed {
  /** When the newest token was issued. */
  readonly issuedAtMs: number
  readonly came: readonly GroupId[]
  /** Group → the seq of the entry with which the user left it. */
  readonly left: Readonly<Record<string, number>>
}

const maxTries = 20
const nothing: Claimed = { issuedAtMs: -1, came: [], left: {} }

/** Whether a token brings its user into a group: not into one that the user was taken out of after it was issued. */
export const isBroughtBy = (issued: Issued | undefined, known: Membership | undefined): boolean =>
  known === undefined || (!known.isMember && issued !== undefined && issued.atMs - issued.aheadMs > saidAtMs(known))

export function createClaimedGroups ({ store, views, record }: ClaimedGroupsOptions): ClaimedGroups {
  async function read (user: UserId): Promise<{ doc: JsonDoc | undefined, claimed: Claimed }> {
    const [doc] = await store.get('state', [claimedGroupsKey(userStream(user))])
    return { doc, claimed: doc === undefined ? nothing : JSON.parse(doc.text) as Claimed }
  }

  /** The document as it is now stored; undefined where another was in between. */
  async function write (user: UserId, was: JsonDoc | undefined, claimed: Claimed): Promise<JsonDoc | undefined> {
    const doc: JsonDoc = { key: claimedGroupsKey(userStream(user)), v: (was?.v ?? -1) + 1, purgeAt: null, text: JSON.stringify(claimed) }
    const [outcome] = await store.replace('state', [{ was: was?.v, doc }])
    return outcome === 'done' ? doc : undefined
  }

  /** True when it is done; false where another token of the user was at work. */
  async function tryReplace (user: UserId, groups: readonly GroupId[], issued: Issued): Promise<boolean> {
    const { doc, claimed } = await read(user)
    if (issued.atMs < claimed.issuedAtMs) return true
    const { memberships } = await views.fresh(user)
    const named = new Set(groups)
    const hasLeft = (group: string): boolean => claimed.left[group] !== undefined && claimed.left[group] === memberships.get(group as GroupId)?.seq
    const joins = groups.filter(group => isBroughtBy(issued, memberships.get(group)) || (hasLeft(group) && issued.atMs > claimed.issuedAtMs))
    const leaves = claimed.came.filter(group => !named.has(group) && memberships.get(group)?.isMember === true)
    if (joins.length + leaves.length === 0 && issued.atMs === claimed.issuedAtMs) return true

    let stored = doc
    if (joins.length > 0) {
      stored = await write(user, doc, { ...claimed, issuedAtMs: issued.atMs, came: [...new Set([...claimed.came, ...joins])] })
      if (stored === undefined) return false
    }
    await Promise.all(joins.map(async group => await record(user, group, true)))
    const left = await Promise.all(leaves.map(async (group): Promise<[string, number]> => [group, (await record(user, group, false)).seq]))
    const before = Object.entries(claimed.left).filter(([group, seq]) => hasLeft(group) && !joins.includes(group as GroupId) && toMs(seq) > issued.atMs - maxAheadMs)
    const after: Claimed = {
      issuedAtMs: issued.atMs,
      came: [...new Set([...claimed.came.filter(group => named.has(group)), ...joins])],
      left: Object.fromEntries([...before, ...left])
    }
    return await write(user, stored, after) !== undefined
  }

  async function untilDone (work: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < maxTries; tries++) if (await work()) return
    throw new GatepostError('GP_STORE_UNAVAILABLE', "the groups of a user's tokens were changed by others again and again; try again")
  }

  return {
    replace: async (user, groups, issued) => { await untilDone(async () => await tryReplace(user, groups, issued)) },
    keep: async (user, group) => {
      await untilDone(async () => {
        const { doc, claimed } = await read(user)
        if (!claimed.came.includes(group)) return true
        return await write(user, doc, { ...claimed, came: claimed.came.filter(one => one !== group) }) !== undefined
      })
    }
  }
}
