/**
 * Joining and leaving groups: an entry in the user's stream first, a leave then marked in the group's (log/leave-mark.ts), at
 * last the two documents that others look it up in.
 */
import type { Audit } from '../../../../shared/platform/audit.js'
import { timeOfId, toMs, type Clock } from '../../../../shared/contract/clock.js'
import { GatepostError, isInDoubt } from '../../../../shared/contract/errors.js'
import { membershipKey } from '../../../../shared/store/keys.js'
import { groupStream, userStream, type GroupId, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type Store } from '../../../../shared/store/store.js'
import type { MembershipChange } from '../../log/change.js'
import type { EntryDraft } from '../../log/entry.js'
import { afterWriting } from '../../log/half-done.js'
import type { Heads } from '../../log/heads.js'
import { streamToken } from '../../../../shared/contract/subjects.js'
import { createLeaveMarks } from '../../log/leave-mark.js'
import { storedMembership, storeMembership, type Membership } from '../state/membership.js'
import type { UserViews } from '../state/user-views.js'
import { InTurn } from '../../../../shared/platform/in-turn.js'
import { listMembers, type MembersPage } from '../queries/members.js'
import { createClaimedGroups, isBroughtBy } from './claimed-groups.js'
import { changeDraft } from './record-change.js'

export interface Groups {
  /** Durable when they resolve; GP_OUTCOME_UNKNOWN where the same again completes it. */
  join: (user: UserId, group: GroupId) => Promise<void>
  leave: (user: UserId, group: GroupId) => Promise<void>
  members: (group: GroupId, limit: number, after: string | undefined) => Promise<MembersPage>
  /** What a token says of its user's groups; one issued before the user was taken out of a group does not bring the user back. */
  takeToken: (user: UserId, token: TokenGroups) => Promise<void>
}

/** Times are ms since 1970, as `Identity` has them. */
export interface TokenGroups {
  /** Undefined: the token does not say. */
  readonly groups: readonly string[] | undefined
  readonly issuedAt: number | undefined
  readonly aheadMs: number
}

export interface GroupsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly heads: Heads
  readonly views: UserViews
  readonly append: (stream: StreamId, draft: EntryDraft) => Promise<{ doc: EntryDoc }>
  readonly retentionMs: number
  /** What the groups in tokens do: GATEPOST_AUTH_GROUPS. */
  readonly way: 'add' | 'replace'
  /** Where changes by tokens are written; those by a producer or an admin Gate writes. */
  readonly audit?: Pick<Audit, 'record'> | undefined
}

export function createGroups ({ store, clock, heads, views, append, retentionMs, way, audit }: GroupsOptions): Groups {
  /** By user and group. */
  const inTurn = new InTurn()
  const markLeave = createLeaveMarks({ clock, append })

  /** One after the other for each user and group: two devices that connect with the same new group join it once. */
  async function record (user: UserId, group: GroupId, isMember: boolean): Promise<Membership> {
    return await inTurn.run(membershipKey(userStream(user), group), async () => await recordNow(user, group, isMember))
  }

  async function recordNow (user: UserId, group: GroupId, isMember: boolean): Promise<Membership> {
    const view = await views.fresh(user)
    const known = view.memberships.get(group)
    const wasMember = known?.isMember ?? false
    if (known !== undefined && wasMember === isMember) {
      // Perhaps said, and cut short before all of it was stored.
      await afterWriting(async () => { await complete(user, group, await storedMembership(store, user, group, known.seq) ?? known) })
      if (isMember) return known
    }
    // Who is no member leaves too: a token issued until now must not bring the user in.
    const { head } = view
    // Read before the entry is appended: what is posted from here on, the member sees.
    const [after] = isMember ? await heads.fresh([groupStream(group)]) : [0]
    const change: MembershipChange = { type: 'membership', group, joined: isMember, ...isMember && { after: after! } }
    const { doc } = await append(view.stream, changeDraft(clock, retentionMs, change))
    const membership = { isMember, seq: doc.seq, after: after!, at: toMs(timeOfId(doc.id)) }
    // Of the leave of who was no member no socket has to hear, unless a join came in between.
    const hasNothingToMark = !isMember && !wasMember && placeOfEntry(doc.key).prev === head
    return await afterWriting(async () => {
      await complete(user, group, hasNothingToMark ? { ...membership, isMarked: true } : membership)
      await views.fresh(user)
      return membership
    })
  }

  async function complete (user: UserId, group: GroupId, membership: Membership): Promise<void> {
    const { isMember, seq, isMarked } = membership
    if (isMember || isMarked === true) { await storeMembership(store, user, group, membership); return }
    await markLeave(groupStream(group), { token: streamToken(userStream(user)), seq })
    await storeMembership(store, user, group, { ...membership, isMarked: true })
  }

  async function recordByToken (user: UserId, group: GroupId, isMember: boolean): Promise<Membership> {
    const membership = await record(user, group, isMember)
    audit?.record({ actor: user, scope: 'user', action: isMember ? 'group.join' : 'group.leave', target: `${group}: ${user}`, result: 'done' })
    return membership
  }

  const claimed = way === 'replace' ? createClaimedGroups({ store, views, record: recordByToken }) : undefined

  return {
    join: async (user, group) => {
      await record(user, group, true)
      await claimed?.keep(user, group)
    },
    leave: async (user, group) => { await record(user, group, false) },
    members: async (group, limit, after) => await listMembers(store, group, limit, after),
    takeToken: async (user, { groups, issuedAt, aheadMs }) => {
      if (groups === undefined) return
      const named = [...new Set(groups)] as GroupId[]
      const issued = issuedAt === undefined ? undefined : { atMs: issuedAt, aheadMs }
      try {
        // Which of two tokens is the newer one, only `iat` tells: without it a token takes nobody out.
        if (claimed !== undefined && issued !== undefined) { await claimed.replace(user, named, issued); return }
        if (named.length === 0) return
        const { memberships } = await views.fresh(user)
        await Promise.all(named.filter(group => isBroughtBy(issued, memberships.get(group))).map(group => recordByToken(user, group, true)))
      } catch (error) {
        // Whoever brings the token asks for something else, which is not begun.
        throw isInDoubt(error) ? new GatepostError('GP_STORE_UNAVAILABLE', 'the groups of the token could not be stored; nothing else was begun', { cause: error }) : error
      }
    }
  }
}
