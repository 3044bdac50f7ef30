/**
 * Which links that sign an admin in were used. The first use inserts a document under the link's id; who comes later finds it. So a link
 * is used once over all Gates, nodes and restarts, and Gate needs no store. The document is purged a day after the link has ended.
 */
import type { Clock } from '../../../shared/contract/clock.js'
import { lives } from '../../../shared/contract/deadlines.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { NodeRequest } from '../../../shared/contract/node-rpc.js'
import { claimKey } from '../../../shared/store/keys.js'
import type { Store } from '../../../shared/store/store.js'

/** Durable when it resolves. False: somebody else used it. Rejects with GP_STORE_UNAVAILABLE, GP_OUTCOME_UNKNOWN. */
export type UseLink = (use: NodeRequest<'use-link'>) => Promise<boolean>

export function createUseLink ({ store, clock }: { store: Store, clock: Pick<Clock, 'latest'> }): UseLink {
  return async ({ id, by, until }) => {
    const key = claimKey('link', 'admin', id)
    const doc = { key, v: 0, purgeAt: Math.max(until, clock.latest()) + lives.claimMs, text: JSON.stringify({ by }) }
    const [outcome] = await store.replace('claims', [{ was: undefined, doc }])
    if (outcome === 'done') return true
    if (outcome === 'refused') throw new GatepostError('GP_STORE_UNAVAILABLE', `${store.refusal?.() ?? 'the store is not reachable'}; the link is not used`)
    const [stored] = await store.get('claims', [key])
    if (stored === undefined) throw new GatepostError('GP_OUTCOME_UNKNOWN', 'the store did not say whether the link is used now')
    // Gate may send one request twice, and one whose outcome was unknown may have been stored.
    return (JSON.parse(stored.text) as { by: string }).by === by
  }
}
