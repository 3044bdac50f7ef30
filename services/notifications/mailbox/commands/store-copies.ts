/** The copies of one message, all or none: those of its receivers, and last the sender's own. */
import type { Target } from '../../../../shared/contract/message.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import type { StreamId } from '../../../../shared/contract/names.js'
import { receiversOf, type Receiver } from '../../../../shared/contract/target.js'
import type { EntryDoc, MessageDoc } from '../../../../shared/store/store.js'
import { createAtomicGroup, type AtomicGroup, type Claim } from '../../log/atomic-group.js'
import type { EntryDraft } from '../../log/entry.js'
import type { Sender } from './admit.js'
import { createSenderShares } from './sender-shares.js'

export interface StoreCopiesOptions {
  readonly append: (stream: StreamId, draft: EntryDraft, atomicGroup?: AtomicGroup) => Promise<{ doc: EntryDoc }>
  /** As Appender.refusalOf. */
  readonly refusalOf: (entries: number, chars: number) => GatepostError | undefined
  /** Whether entries for these streams, appended in one turn, reach the store in one transaction: then none need wait. */
  readonly areStoredTogether: (streams: readonly StreamId[]) => boolean
}

export interface Copies {
  readonly draftOf: (boxes: MessageDoc['boxes'], to: Target) => EntryDraft
  /** How long the text of each is, but for `to`. */
  readonly chars: number
  /** Stored with the first of them. */
  readonly claim: Claim | undefined
}

/** The receivers' are queued in the turn in which it is called, so that messages to one target keep their order. Resolves to the sender's own copy; a producer has none. Rejects as Appender.append does. */
export type StoreCopies = (sender: Sender, to: Target, copies: Copies) => Promise<EntryDoc | undefined>

const ownStreamOf = (sender: Sender): StreamId | undefined => sender.startsWith('u:') ? sender as StreamId : undefined
const forget = (): void => {}

/** Where the copies lie: nowhere twice. */
export function streamsOf (sender: Sender, to: Target): StreamId[] {
  const ownStream = ownStreamOf(sender)
  const streams = receiversOf(to).map(({ stream }) => stream)
  return ownStream === undefined || streams.includes(ownStream) ? streams : [...streams, ownStream]
}

export function createStoreCopies ({ append, refusalOf, areStoredTogether }: StoreCopiesOptions): StoreCopies {
  const shares = createSenderShares()

  return async (sender, to, { draftOf, chars, claim }) => {
    const ownStream = ownStreamOf(sender)
    const receivers = receiversOf(to)
    const isToSelf = receivers.some(({ stream }) => stream === ownStream)
    const others = receivers.filter(({ stream }) => stream !== ownStream)
    const entries = others.length + (ownStream === undefined ? 0 : 1)
    const atomicGroup = entries > 1 || claim !== undefined ? createAtomicGroup(claim) : undefined
    const refusal = atomicGroup === undefined ? undefined : refusalOf(entries, entries * chars)
    if (refusal !== undefined) throw refusal
    const end = ownStream === undefined ? undefined : shares.take(sender, entries, entries * chars)
    if (ownStream !== undefined && end === undefined) throw new GatepostError('GP_OVERLOADED', 'what this user sent before still waits for the store; nothing was stored')
    const appendTo = ({ stream, to }: Receiver): Promise<{ doc: EntryDoc }> => append(stream, draftOf('inbox', to), atomicGroup)
    const appendOwn = (own: StreamId): Promise<{ doc: EntryDoc }> => append(own, draftOf(isToSelf ? 'both' : 'sent', to), atomicGroup)
    try {
      const [first] = others
      if (ownStream !== undefined && first !== undefined && others.length === 1 && areStoredTogether([ownStream, first.stream])) {
        const [, own] = await Promise.all([appendTo(first), appendOwn(ownStream)])
        return own.doc
      }
      // What is stored of each is let go at once: a thousand copies wait for one another.
      await Promise.all(others.map(receiver => appendTo(receiver).then(forget)))
      return ownStream === undefined ? undefined : (await appendOwn(ownStream)).doc
    } finally { end?.() }
  }
}
