/**
 * Forwarding: an entry is appended by the node that the ring gives for its stream. Any node may append, since the chain keeps it
 * safe. The stream's node does it best: the head is in its memory, nobody contends, and its groups are the largest.
 *
 * - What gathers while a request is under way goes in the next request. One request at a time goes to each node (and each shard),
 *   so order holds.
 * - An owner whose store is slow replies in time that it is still at it, and is asked again.
 * - An owner that does not reply is passed over: this node appends, under the same ids. Each entry lands once, whoever was first.
 * - While NATS hangs no owner is asked, since each request would cost its whole time-out.
 */
import { randomUUID } from 'node:crypto'
import type { Log } from '../../../shared/platform/log.js'
import { deadlines } from '../../../shared/contract/deadlines.js'
import { GatepostError, isErrorCode, isInDoubt } from '../../../shared/contract/errors.js'
import type { NodeId, StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import type { Appender } from '../log/appender.js'
import { placeEntry, type EntryDraft } from '../log/entry.js'
import { createSingleFlight } from '../../../shared/platform/single-flight.js'
import { begin, createAtomicGroup, refuse, type AtomicGroup } from '../log/atomic-group.js'

export interface Forwarder {
  /** As Appender.append, wherever it happens. */
  append: (stream: StreamId, draft: EntryDraft, atomicGroup?: AtomicGroup) => Promise<{ doc: EntryDoc }>
  /** Appends what another node handed over. */
  serve: (body: ForwardedEntries) => Promise<ForwardedAnswers>
  readonly counts: { readonly handed: number, readonly fallbacks: number }
}

/** `question` names the request: the same when these entries are asked about again: their outcome is told, and a later try of the same entries is one of its own. */
export interface ForwardedEntries { readonly question?: string, readonly entries: ReadonlyArray<{ readonly stream: StreamId, readonly draft: EntryDraft }> }
/**
 * For each entry its place, or why it was refused, or null: still being tried. One that may be stored has `isInDoubt` and the code
 * GP_STORE_UNAVAILABLE: nodes of the version before have none of its own for it.
 */
export interface ForwardedAnswers { readonly answers: ReadonlyArray<HandedAnswer | null> }
type HandedAnswer = { readonly key: string, readonly seq: number, readonly purgeAt: number | null } | { readonly code: GatepostError['code'], readonly message: string, readonly isInDoubt: boolean }

export interface ForwarderOptions {
  readonly nodeId: NodeId
  readonly dispatch: Dispatch
  readonly appender: Appender
  /** The ring's node for a stream. */
  readonly ownerOf: (stream: StreamId) => NodeId | undefined
  /** Where the stream lies in the store: those of one place go together, so that nobody waits for another's. */
  readonly shardOf?: ((stream: StreamId) => string) | undefined
  /** An entry that another node stored for this one. */
  readonly onStored: (stream: StreamId, doc: EntryDoc) => void
  readonly log: Log
  readonly timeoutMs?: number
}

export const forwardKind = 'append-entries'
const maxEntries = 1_000

interface Waiting {
  readonly stream: StreamId
  readonly draft: EntryDraft
  readonly atomicGroup: AtomicGroup
  readonly resolve: (stored: { doc: EntryDoc }) => void
  readonly reject: (error: unknown) => void
}

export function createForwarder ({ nodeId, dispatch, appender, ownerOf, shardOf = () => '', onStored, log, timeoutMs = deadlines.handOver.askMs }: ForwarderOptions): Forwarder {
  /** By node and place. Gone when empty. */
  const queues = new Map<string, Waiting[]>()
  const counts = { handed: 0, fallbacks: 0 }
  let requests = 0
  const life = randomUUID()
  /** An answer comes in time, or says that there is none yet. */
  const holdMs = timeoutMs * deadlines.handOver.holdMs / deadlines.handOver.askMs
  const singleFlight = createSingleFlight<HandedAnswer>({ slowMs: holdMs / 2 })
  // JSON of a draft is longer than its text by escapes, at worst 6 characters for one.
  const maxChars = dispatch.maxPayloadBytes / 4

  async function serveQueue (name: string, owner: NodeId, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      let chars = 0
      let count = 0
      while (count < queue.length && count < maxEntries && (count === 0 || chars + queue[count]!.draft.text.length < maxChars)) chars += queue[count++]!.draft.text.length
      await handOver(owner, queue.splice(0, count))
    }
    queues.delete(name)
  }

  const appendHere = async ({ stream, draft, atomicGroup, resolve, reject }: Waiting): Promise<void> => { await appender.append(stream, draft, { atomicGroup }).then(resolve, reject) }

  async function handOver (owner: NodeId, group: readonly Waiting[]): Promise<void> {
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

  function settle (waiting: Waiting, answer: HandedAnswer | undefined, here: Array<Promise<void>>): void {
    const { stream, draft, atomicGroup, resolve, reject } = waiting
    if (answer !== undefined && !('code' in answer)) {
      counts.handed++
      const doc = placeEntry(draft, answer.key, answer.seq, answer.purgeAt)
      onStored(stream, doc)
      resolve({ doc })
    } else if (atomicGroup.state === 'begun' || atomicGroup.tries > 0 || answer?.code === 'GP_VALIDATION') {
      // It or others of the same message are stored, or may be: what that node could not do is done here. So is what an older
      // node refuses, which goes by its own clock.
      here.push(appendHere(waiting))
    } else {
      refuse(atomicGroup)
      reject(new GatepostError(isErrorCode(answer?.code) ? answer.code : 'GP_INTERNAL', answer?.message ?? 'the owner of the stream sent an incomplete reply'))
    }
  }

  async function work (stream: StreamId, draft: EntryDraft): Promise<HandedAnswer> {
    try {
      const { doc: { key, seq, purgeAt } } = await appender.append(stream, draft)
      return { key, seq, purgeAt }
    } catch (error) {
      if (!(error instanceof GatepostError)) throw error
      const { code, message } = error
      return isInDoubt(error) ? { code: 'GP_STORE_UNAVAILABLE', message, isInDoubt: true } : { code, message, isInDoubt: false }
    }
  }

  return {
    counts,
    append: (stream, draft, given) => {
      const owner = ownerOf(stream)
      if (owner === undefined || owner === nodeId || !dispatch.isConnected) return appender.append(stream, draft, { atomicGroup: given })
      const name = `${owner}\t${shardOf(stream)}`
      const queue = queues.get(name)
      if (queue === undefined && !dispatch.isResponsive) return appender.append(stream, draft, { atomicGroup: given })
      return new Promise((resolve, reject) => {
        const atomicGroup = given ?? createAtomicGroup()
        const waiting = { stream, draft, atomicGroup, resolve, reject }
        atomicGroup.tries++
        if (queue !== undefined) { queue.push(waiting); return }
        const begun = [waiting]
        queues.set(name, begun)
        // What comes in the same turn of the event loop goes along.
        setImmediate(() => { void serveQueue(name, owner, begun) })
      })
    },
    serve: async ({ question: request = '', entries }) => {
      let timer: NodeJS.Timeout | undefined
      const held = new Promise<null>(resolve => { timer = setTimeout(() => { resolve(null) }, holdMs) })
      try {
        const works = entries.map(({ stream, draft }) => singleFlight(`${request}\t${stream}\t${draft.id}`, async () => await work(stream, draft)))
        return { answers: await Promise.all(works.map(async work => await Promise.race([work, held]))) }
      } finally {
        clearTimeout(timer)
      }
    }
  }
}

const mayBeStored = (answer: HandedAnswer | undefined): boolean => answer === undefined || !('code' in answer) || answer.isInDoubt

/** The other node's try is over. */
function endTry (atomicGroup: AtomicGroup, mayBeStored: boolean): void {
  atomicGroup.tries--
  if (mayBeStored) begin(atomicGroup)
}
