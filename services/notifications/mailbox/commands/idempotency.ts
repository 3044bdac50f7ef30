/**
 * Idempotency keys. The first request under a key inserts an idempotency record: the message's id and a hash of what it says. It is
 * stored before the message, or in one transaction with it where the store can (Store.insertClaimed).
 * Whoever comes later under the same key gets that id and completes what the first may have left undone. A record older
 * than 24 h counts as absent: written with the latest time that may be, and aged by the earliest, so that no clock makes it older.
 */
import { createHash, createHmac } from 'node:crypto'
import type { Clock } from '../../../../shared/contract/clock.js'
import type { MessageDraft } from '../../../../shared/contract/message.js'
import { lives } from '../../../../shared/contract/deadlines.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import { claimKey } from '../../../../shared/store/keys.js'
import type { MessageId } from '../../../../shared/contract/names.js'
import type { JsonDoc, Store } from '../../../../shared/store/store.js'
import type { Claim } from '../../log/atomic-group.js'

/** The record, as it is stored. */
interface Claimed {
  readonly id: MessageId
  /** A hash of the message: by the secret that `by` names; without a secret where there is no `by`, as version 0.1 has it. */
  readonly body: string
  readonly by?: string
  readonly at: number
}

export interface IdempotencyOptions {
  readonly store: Store
  readonly clock: Clock
  /** The first makes hashes; all of them check. */
  readonly secrets: readonly string[]
  /** No process of version 0.1 reads the store, which knows hashes without a secret only: nobody can guess a short text by its hash then. */
  readonly isKeyed: boolean
}

export interface ClaimedId {
  readonly id: MessageId
  readonly duplicate: boolean
  /** Not stored yet: it is to be stored with the message. */
  readonly claim?: Claim
}

export interface IdempotencyRecords {
  /**
   * `isAhead`: the record is stored when this resolves; else it may be left to whoever stores the message. Rejects with
   * GP_IDEMPOTENCY_CONFLICT when the key stands for another message, GP_STORE_UNAVAILABLE.
   */
  claim: (sender: string, key: string, draft: MessageDraft, id: MessageId, isAhead: boolean) => Promise<ClaimedId>
  /** Whether the key stands for an earlier request with this message. Writes nothing. Rejects as `claim` does. */
  isTaken: (sender: string, key: string, draft: MessageDraft, id: MessageId) => Promise<boolean>
}

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')
const keyOf = (sender: string, key: string): string => claimKey('send', sender, hash(key))
const parse = (text: string): Claimed => JSON.parse(text) as Claimed
const maxTries = 5

interface Seal { readonly by: string, readonly seal: (text: string) => string }

/** Of what version 0.1 knows as that version writes it; what it does not know follows where it was given. */
function hashedText ({ to, title, body, data, category, ttlSeconds, isVolatile, url, actions, sender }: MessageDraft): string {
  const known = [to, title, body, data, category, ttlSeconds, isVolatile]
  return JSON.stringify(url === undefined && actions === undefined && sender === undefined ? known : [...known, { url, actions, sender }])
}

/** With a key of its own, derived from the secret. */
function sealOf (secret: string): Seal {
  const key = createHmac('sha256', secret).update('gatepost idempotency claims').digest()
  return { by: hash(key.toString('base64url')).slice(0, 8), seal: text => createHmac('sha256', key).update(text).digest('base64url') }
}

export function createIdempotencyRecords ({ store, clock, secrets, isKeyed }: IdempotencyOptions): IdempotencyRecords {
  const seals = secrets.map(sealOf)

  /** A secret that is not known any more tells nothing: then the key alone decides, since a 409 for the same message would be wrong. */
  function isSame ({ by, body }: Claimed, text: string): boolean {
    if (by === undefined) return body === hash(text)
    const known = seals.find(seal => seal.by === by)
    return known === undefined || body === known.seal(text)
  }

  /** What the key stands for; else the version of its record that is too old, if there is one. */
  async function look (docKey: string, message: string, id: MessageId): Promise<{ readonly known: ClaimedId } | { readonly was: number | undefined }> {
    const [stored] = await store.get('claims', [docKey])
    if (stored === undefined) return { was: undefined }
    const first = parse(stored.text)
    if (first.id === id) return { known: { id, duplicate: false } } // our own write, whose outcome was unknown
    if (clock.earliest() - first.at >= lives.claimMs) return { was: stored.v }
    if (!isSame(first, message)) throw new GatepostError('GP_IDEMPOTENCY_CONFLICT', 'Idempotency-Key: used before for another message')
    return { known: { id: first.id, duplicate: true } }
  }

  return {
    isTaken: async (sender, key, draft, id) => {
      const found = await look(keyOf(sender, key), hashedText(draft), id)
      return 'known' in found && found.known.duplicate
    },
    claim: async (sender, key, draft, id, isAhead) => {
      const message = hashedText(draft)
      const [sealing] = isKeyed ? seals : []
      const claim: Claimed = { id, at: clock.latest(), ...sealing === undefined ? { body: hash(message) } : { body: sealing.seal(message), by: sealing.by } }
      const docKey = keyOf(sender, key)
      const docOf = (v: number): JsonDoc => ({ key: docKey, v, purgeAt: claim.at + lives.claimMs, text: JSON.stringify(claim) })
      let was: number | undefined
      if (!isAhead) {
        const found = await look(docKey, message, id)
        if ('known' in found) return found.known
        if (found.was === undefined) return { id, duplicate: false, claim: { doc: docOf(0), isSame: ({ text }) => parse(text).id === id, isLost: false } }
        was = found.was
      }
      for (let tries = 0; tries < maxTries; tries++) {
        const [outcome] = await store.replace('claims', [{ was, doc: docOf((was ?? -1) + 1) }])
        if (outcome === 'done') return { id, duplicate: false }
        // A full disk can be read, and may have the key. A server that refuses is away: to ask it would take as long again.
        const found = outcome === 'refused' && store.refusal === undefined ? { was } : await look(docKey, message, id)
        if ('known' in found) return found.known
        if (outcome === 'refused') throw new GatepostError('GP_STORE_UNAVAILABLE', `${store.refusal?.() ?? 'the store did not take it'}; nothing was stored by this request`)
        was = found.was // undefined: purged, or not readable yet
      }
      throw new GatepostError('GP_STORE_UNAVAILABLE', 'an idempotency key could not be claimed')
    }
  }
}
