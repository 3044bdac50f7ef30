/** Who is a member of a group, by name, a page at a time. */
import { groupStream, type GroupId } from '../../../../shared/contract/names.js'
import { membershipRange, ownerPrefix } from '../../../../shared/store/keys.js'
import type { Store } from '../../../../shared/store/store.js'
import { parseMembership } from '../state/membership.js'

export interface MembersPage { readonly members: string[], readonly next: string | null }

/** At most `limit` members after the one named `after`. */
export async function listMembers (store: Pick<Store, 'range'>, group: GroupId, limit: number, after: string | undefined): Promise<MembersPage> {
  const owner = groupStream(group)
  const prefix = ownerPrefix(owner) + 'm'
  const members: string[] = []
  let { from, to } = membershipRange(owner, after)
  for (;;) {
    const docs = await store.range('state', { from, to }, { limit: limit + 1 })
    for (const doc of docs) {
      if (!parseMembership(doc).isMember) continue
      if (members.length === limit) return { members, next: members.at(-1)! }
      members.push(doc.key.slice(prefix.length))
    }
    if (docs.length <= limit) return { members, next: null }
    from = docs.at(-1)!.key + '\0'
  }
}
