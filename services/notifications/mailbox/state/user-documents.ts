/** All stored documents of one user: the fold's base and pieces, the memberships, the counts. One range of the store. */
import { decodeTime } from '../../../../shared/contract/clock.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import { countsKey, ownerPrefix, ownerRange, stateBaseKey } from '../../../../shared/store/keys.js'
import type { GroupId, StreamId } from '../../../../shared/contract/names.js'
import type { JsonDoc, Store } from '../../../../shared/store/store.js'
import { parseMembership, type Membership } from './membership.js'
import type { StoredPiece } from './packed-state.js'

export interface UserDocuments {
  base: JsonDoc | undefined
  readonly pieces: StoredPiece[]
  readonly memberships: Array<readonly [group: GroupId, membership: Membership]>
  counts: JsonDoc | undefined
}

const page = 1_000
export const maxStoreTries = 20

export const changedByOthers = (): GatepostError => new GatepostError('GP_STORE_UNAVAILABLE', 'the state of a user was changed by others again and again; try again')

/** Base and pieces belong together. */
export async function readUserDocuments (store: Store, stream: StreamId): Promise<UserDocuments> {
  for (let tries = 0; tries < maxStoreTries; tries++) {
    const found = await readOnce(store, stream)
    if (found.pieces.length === 0) return found
    // Another node may have split a piece since the base was read.
    const [again] = await store.get('state', [stateBaseKey(stream)])
    if (again?.v === found.base?.v) return found
  }
  throw changedByOthers()
}

async function readOnce (store: Store, stream: StreamId): Promise<UserDocuments> {
  const found: UserDocuments = { base: undefined, pieces: [], memberships: [], counts: undefined }
  const prefix = ownerPrefix(stream)
  let { from, to } = ownerRange(stream)
  for (;;) {
    const docs = await store.range('state', { from, to }, { limit: page })
    for (const doc of docs) {
      const rest = doc.key.slice(prefix.length)
      if (doc.key === stateBaseKey(stream)) found.base = doc
      else if (doc.key === countsKey(stream)) found.counts = doc
      else if (rest.startsWith('p')) found.pieces.push({ from: decodeTime(rest.slice(1)), doc })
      else if (rest.startsWith('m')) found.memberships.push([rest.slice(1) as GroupId, parseMembership(doc)])
    }
    const last = docs.at(-1)
    if (last === undefined || docs.length < page) return found
    from = last.key + '\0'
  }
}
