/**
 * One request to the owner of some streams: asked until each of its entries has an answer. What the owner cannot do, or does not answer,
 * is appended here under the same ids.
 */
import { randomUUID } from 'node:crypto'
import { GatepostError, isErrorCode } from '../../../shared/contract/errors.js'
import type { NodeId, StreamId } from '../../../shared/contract/names.js'
import type { Log } from '../../../shared/platform/log.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { Appender } from '../log/appender.js'
import { placeEntry, type EntryDraft } from '../log/entry.js'
import { begin, refuse, type AtomicGroup } from '../log/atomic-group.js'
import { mayBeStored, type ForwardedAnswer, type ForwardedAnswers, type ForwardedEntries } from './forwarded-appends.js'

export const forwardKind = 'append-entries'

/** An entry whose author waits. */
export interface WaitingEntry {
  readonly stream: StreamId
  readonly draft: EntryDraft
  readonly atomicGroup: AtomicGroup
  readonly resolve: (stored: { doc: EntryDoc }) => void
  readonly reject: (error: unknown) => void
}

export interface ForwardRequestOptions {
  readonly dispatch: Pick<Dispatch, 'ask' | 'isResponsive'>
  readonly appender: Pick<Appender, 'append'>
  readonly canStore: () => boolean
  readonly onStored: (stream: StreamId, doc: EntryDoc) => void
  readonly log: Log
  readonly timeoutMs: number
  readonly counts: { handed: number, fallbacks: number }
}

/** Resolves when each entry has been answered. Never rejects. */
export type ForwardRequest = (owner: NodeId, group: readonly WaitingEntry[]) => Promise<void>

export function createForwardRequest ({ dispatch, appender, canStore, onStored, log, timeoutMs, counts }: ForwardRequestOptions): ForwardRequest {
  const life = randomUUID()
  let requests = 0

  const appendHere = async ({ stream, draft, atomicGroup, resolve, reject }: WaitingEntry): Promise<void> => { await appender.append(stream, draft, { atomicGroup }).then(resolve, reject) }

  function settle (waiting: WaitingEntry, answer: ForwardedAnswer | undefined, here: Array<Promise<void>>): void {
    const { stream, draft, atomicGroup, resolve, reject } = waiting
    if (answer !== undefined && !('code' in answer)) {
      counts.handed++
      const doc = placeEntry(draft, answer.key, answer.seq, answer.purgeAt)
      onStored(stream, doc)
      resolve({ doc })
    } else if (atomicGroup.state === 'begun' || atomicGroup.tries > 0 || answer?.code === 'GP_VALIDATION' || (answer?.isStoreAway === true && canStore())) {
      // It or others of the same message are stored, or may be: what that node could not do is done here. So is what an older
      // node refuses, which goes by its own clock, and what a node refuses that has lost the store alone.
      here.push(appendHere(waiting))
    } else {
      refuse(atomicGroup)
      reject(new GatepostError(isErrorCode(answer?.code) ? answer.code : 'GP_INTERNAL', answer?.message ?? 'the owner of the stream sent an incomplete reply'))
    }
  }

  return async (owner, group) => {
    const here: Array<Promise<void>> = []
    let open = group
    const request = `${life}.${++requests}`
    /** Some request may have arrived. */
    let isAsked = false
    while (open.length > 0) {
      let answers: ForwardedAnswers['answers']
      try {
        if (!dispatch.isResponsive) throw new GatepostError('GP_DISPATCH_UNAVAILABLE', 'nothing is answered')
        const body: ForwardedEntries = { question: request, entries: open.map(({ stream, draft }) => ({ stream, draft })) }
        answers = (await dispatch.ask(owner, forwardKind, body, timeoutMs) as ForwardedAnswers).answers
        isAsked = true
      } catch (error) {
        isAsked ||= !(error instanceof GatepostError && error.code === 'GP_DISPATCH_UNAVAILABLE')
        counts.fallbacks += open.length
        log.debug({ err: error, owner, entries: open.length }, 'the owner did not answer: appending here')
        for (const { atomicGroup } of open) endTry(atomicGroup, isAsked)
        here.push(...open.map(appendHere))
        break
      }
      const ended = open.flatMap((waiting, i) => answers[i] === null ? [] : [{ waiting, answer: answers[i] }])
      open = open.filter((_, i) => answers[i] === null)
      for (const { waiting: { atomicGroup }, answer } of ended) endTry(atomicGroup, mayBeStored(answer))
      for (const { waiting, answer } of ended) settle(waiting, answer, here)
    }
    // What waits for the same node goes on only after these, or a later message could pass an earlier one.
    await Promise.all(here)
  }
}

/** The other node's try is over. */
function endTry (atomicGroup: AtomicGroup, mayBeStored: boolean): void {
  atomicGroup.tries--
  if (mayBeStored) begin(atomicGroup)
}
