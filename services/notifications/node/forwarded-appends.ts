/**
 * Appends that another node forwarded to this one, which owns their streams: what is asked, what is answered, and the answering.
 * An answer comes in time, or says that there is none yet; the same request asked again joins the try that is under way.
 */
import { deadlines } from '../../../shared/contract/deadlines.js'
import { GatepostError, isInDoubt } from '../../../shared/contract/errors.js'
import type { StreamId } from '../../../shared/contract/names.js'
import { createSingleFlight } from '../../../shared/platform/single-flight.js'
import type { Appender } from '../log/appender.js'
import type { EntryDraft } from '../log/entry.js'

/** `question` names the request. A repeat has the same name and gets the first one's outcome; a later try of the same entries has a name of its own. */
export interface ForwardedEntries { readonly question?: string, readonly entries: ReadonlyArray<{ readonly stream: StreamId, readonly draft: EntryDraft }> }

/**
 * For each entry its place, or why it was refused, or null: still being tried. One that may be stored has `isInDoubt` and the code
 * GP_STORE_UNAVAILABLE: nodes of the version before have none of its own for it. `isStoreAway`: this node reaches the store nowhere, which
 * another may; absent in the version before.
 */
export interface ForwardedAnswers { readonly answers: ReadonlyArray<ForwardedAnswer | null> }
export type ForwardedAnswer = { readonly key: string, readonly seq: number, readonly purgeAt: number | null } | { readonly code: GatepostError['code'], readonly message: string, readonly isInDoubt: boolean, readonly isStoreAway?: boolean }

export const mayBeStored = (answer: ForwardedAnswer | undefined): boolean => answer === undefined || !('code' in answer) || answer.isInDoubt

export interface ForwardedAppendsOptions {
  readonly appender: Pick<Appender, 'append'>
  /** Whether this node reaches the store, as far as it knows. */
  readonly canStore: () => boolean
  /** How long the asking node waits for an answer. */
  readonly timeoutMs: number
}

export function createForwardedAppends ({ appender, canStore, timeoutMs }: ForwardedAppendsOptions): (body: ForwardedEntries) => Promise<ForwardedAnswers> {
  const holdMs = timeoutMs * deadlines.handOver.holdMs / deadlines.handOver.askMs
  const singleFlight = createSingleFlight<ForwardedAnswer>({ slowMs: holdMs / 2 })

  async function append (stream: StreamId, draft: EntryDraft): Promise<ForwardedAnswer> {
    try {
      const { doc: { key, seq, purgeAt } } = await appender.append(stream, draft)
      return { key, seq, purgeAt }
    } catch (error) {
      if (!(error instanceof GatepostError)) throw error
      const { code, message } = error
      return isInDoubt(error) ? { code: 'GP_STORE_UNAVAILABLE', message, isInDoubt: true } : { code, message, isInDoubt: false, ...!canStore() && { isStoreAway: true } }
    }
  }

  return async ({ question: request = '', entries }) => {
    let timer: NodeJS.Timeout | undefined
    const held = new Promise<null>(resolve => { timer = setTimeout(() => { resolve(null) }, holdMs) })
    try {
      const works = entries.map(({ stream, draft }) => singleFlight(`${request}\t${stream}\t${draft.id}`, async () => await append(stream, draft)))
      return { answers: await Promise.all(works.map(async work => await Promise.race([work, held]))) }
    } finally {
      clearTimeout(timer)
    }
  }
}
