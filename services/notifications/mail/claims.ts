/**
 * Idempotency keys: the first request under a key claims it by an insert, with the message's id and a hash of what it says.
 * Whoever comes later under the same key gets that id and completes what the first may have left undone. A claim older
 * than 24 h counts as absent: written with the latest time that may be, and aged by the earliest, so that no clock makes it older.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../../shared/clock.js'
import type { MessageDraft } from '../../../shared/contract/message.js'
import { lives } from '../../../shared/deadlines.js'
import { GatepostError } from '../../../shared/errors.js'
import { claimKey } from '../../../shared/keys.js'
import type { MessageId } from '../../../shared/names.js'
import type { JsonDoc, Store } from '../../../shared/store/store.js'

interface Claim { readonly id: MessageId, readonly body: string, readonly at: number }

export interface Claims {
  /** Rejects with GP_IDEMPOTENCY_CONFLICT when the key stands for another message, GP_STORE_UNAVAILABLE. */
  claim: (sender: string, key: string, draft: MessageDraft, id: MessageId) => Promise<{ id: MessageId, duplicate: boolean }>
}

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')
const maxTries = 5

export function createClaims ({ store, clock }: { store: Store, clock: Clock }): Claims {
  return {
    claim: async (sender, key, { to, title, body, data, category, ttlSeconds, isVolatile }, id) => {
      const claim: Claim = { id, body: hash(JSON.stringify([to, title, body, data, category, ttlSeconds, isVolatile])), at: clock.latest() }
      const docKey = claimKey('send', sender, hash(key))
      const docOf = (v: number): JsonDoc => ({ key: docKey, v, purgeAt: claim.at + lives.claimMs, text: JSON.stringify(claim) })
      let was: number | undefined
      for (let tries = 0; tries < maxTries; tries++) {
        const [outcome] = await store.replace('claims', [{ was, doc: docOf((was ?? -1) + 1) }])
        if (outcome === 'done') return { id, duplicate: false }
        if (outcome === 'refused') throw new GatepostError('GP_STORE_UNAVAILABLE', `${store.refusal?.() ?? 'the store is not reachable'}; nothing was stored`)
        const [stored] = await store.get('claims', [docKey])
        if (stored === undefined) { was = undefined; continue } // purged, or not readable yet
        const first = JSON.parse(stored.text) as Claim
        if (first.id === id) return { id, duplicate: false } // our own write, whose outcome was unknown
        if (clock.earliest() - first.at >= lives.claimMs) { was = stored.v; continue }
        if (first.body !== claim.body) throw new GatepostError('GP_IDEMPOTENCY_CONFLICT', 'Idempotency-Key: used before for another message')
        return { id: first.id, duplicate: true }
      }
      throw new GatepostError('GP_STORE_UNAVAILABLE', 'an idempotency key could not be claimed')
    }
  }
}
