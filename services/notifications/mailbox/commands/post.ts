/**
 * A message on its way in: admitted (admit.ts), copied into the streams of its receivers, last into the sender's own. Volatile ones
 * are only handed on.
 */
import { createIsoTime, timeOfId, toMs, type Clock } from '../../../../shared/contract/clock.js'
import type { Target } from '../../../../shared/contract/message.js'
import { lives } from '../../../../shared/contract/deadlines.js'
import { isSurelyNotStored, outcomeUnknown } from '../../../../shared/contract/errors.js'
import type { MessageId, StreamId } from '../../../../shared/contract/names.js'
import type { Profile } from '../../../../shared/contract/profile.js'
import { receiversOf } from '../../../../shared/contract/target.js'
import type { EntryDoc, MessageDoc } from '../../../../shared/store/store.js'
import { messageTexts, volatileWire, type EntryDraft, type From } from '../../log/entry.js'
import { createAdmission, type AdmissionOptions, type Outgoing, type Sender } from './admit.js'
import type { ClaimedId } from './idempotency.js'
import { createStoreCopies, streamsOf, type StoreCopiesOptions } from './store-copies.js'

export type { Outgoing, Sender } from './admit.js'

export interface Posted {
  readonly id: MessageId
  readonly createdAt: string
  readonly duplicate: boolean
  readonly isVolatile: boolean
  /** The sender's own copy; a producer has none. */
  readonly copy: EntryDoc | undefined
}

export interface Post {
  /** Each message by itself, those to one target in their order. GP_OUTCOME_UNKNOWN: it may be stored; every other refusal: surely not. */
  readonly all: (sender: Sender, outgoing: readonly Outgoing[]) => Array<Promise<Posted>>
}

export interface PostOptions extends AdmissionOptions, StoreCopiesOptions {
  readonly clock: Clock
  readonly sendVolatile: (stream: StreamId, wire: string) => void
  readonly sendToTopic: (topic: string, match: 'exact' | 'prefix', wire: string) => void
  readonly retentionMs: number
  /** Whether what is stored together takes the claim of an idempotency key along. */
  readonly takesClaims: boolean
}

const isoOfCreation = createIsoTime()

function fromOf (sender: Sender, profile: Profile | undefined): From {
  const name = sender.slice(2)
  const from = sender.startsWith('u:') ? { user: name } : { producer: name }
  return profile === undefined ? from : { ...from, ...profile }
}

export function createPost ({ clock, claims, views, append, refusalOf, sendVolatile, sendToTopic, retentionMs, areStoredTogether, takesClaims }: PostOptions): Post {
  const storeCopies = createStoreCopies({ append, refusalOf, areStoredTogether })
  const admission = createAdmission({ clock, claims, views })

  function store (sender: Sender, { draft, profile }: Outgoing, { id, duplicate, claim }: ClaimedId): Promise<Posted> {
    const createdAtMs = toMs(timeOfId(id))
    const createdAt = isoOfCreation(createdAtMs)
    const { to, title, body, data, category, ttlSeconds, url, actions } = draft
    const from = fromOf(sender, sender.startsWith('u:') ? profile : draft.sender)
    if (draft.isVolatile) {
      const expiresAtMs = ttlSeconds === undefined ? undefined : createdAtMs + ttlSeconds * 1000
      const texts = messageTexts({ from, title, body, data, category, createdAt, expiresAtMs, url, actions })
      return new Promise(resolve => {
        // What is thrown refuses this message, and none of those that came with it.
        if (!duplicate) handOn(to, to => volatileWire(id, texts.of(to, 'inbox')))
        resolve({ id, createdAt, duplicate, isVolatile: true, copy: undefined })
      })
    }
    // Nobody tries again later than that: an id from before was made by a clock that is behind, and its message may not be
    // over before it is stored.
    const bornMs = Math.max(createdAtMs, clock.latest() - lives.claimMs)
    const expiresAt = bornMs + (ttlSeconds === undefined ? retentionMs : ttlSeconds * 1000)
    const texts = messageTexts({ from, title, body, data, category, createdAt, expiresAtMs: expiresAt, url, actions })
    const draftOf = (boxes: MessageDoc['boxes'], to: Target): EntryDraft => ({
      kind: 'message',
      id,
      sender,
      category,
      boxes,
      recalled: 0,
      expiresAt,
      text: texts.of(to, boxes)
    })
    return storeCopies(sender, to, { draftOf, chars: texts.chars, claim }).then(copy => ({ id, createdAt, duplicate, isVolatile: false, copy }))
  }

  function handOn (to: Target, wireTo: (to: Target) => string): void {
    if ('topic' in to) sendToTopic(to.topic, to.match ?? 'exact', wireTo(to))
    else for (const receiver of receiversOf(to)) sendVolatile(receiver.stream, wireTo(receiver.to))
  }

  /** Whether the key must be claimed before anything else: nothing is stored with which the claim could be. */
  const isClaimedAhead = (sender: Sender, { draft: { isVolatile, to } }: Outgoing): boolean =>
    !takesClaims || isVolatile || !areStoredTogether(streamsOf(sender, to))

  /** Under a key that another request claims at the same time, the message is that one's. */
  async function storeAdmitted (sender: Sender, one: Outgoing, admitted: ClaimedId): Promise<Posted> {
    try { return await store(sender, one, admitted) } catch (error) {
      if (admitted.claim?.isLost === true) return await storeAdmitted(sender, one, await admission.admit(sender, one, true))
      if (!isSurelyNotStored(error)) throw error
      // The first one under this key may have stored it.
      const isSentBefore = admitted.duplicate || (admitted.claim !== undefined && await admission.isTaken(sender, one, admitted.id))
      throw isSentBefore ? outcomeUnknown('it was sent before, and the store cannot be asked for it', error) : error
    }
  }

  return {
    all: (sender, outgoing) => {
      if (!outgoing.some(one => admission.needed(sender, one))) return outgoing.map(one => store(sender, one, admission.admitted(one)))
      const admitted = outgoing.map(one => admission.admit(sender, one, isClaimedAhead(sender, one)))
      // Stored in the order given once all are admitted: a claim that takes longer must not let a later one pass.
      const everyone = Promise.allSettled(admitted)
      return outgoing.map(async (one, i) => {
        await everyone
        return await storeAdmitted(sender, one, await admitted[i]!)
      })
    }
  }
}
