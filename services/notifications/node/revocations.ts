/**
 * The log of revocations, a stream of its own that no reader sees. A node reads it whole at its start, and looks twice a
 * second whether it has grown: one key, whatever is away but the store. So a revocation holds on every node within a second
 * of its answer, without a broadcast that could be lost. Gates ask nodes for it (services/gate/follow-revocations.ts).
 */
import { createMessageId, type Clock } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { Scope } from '../../../shared/contract/claims.js'
import { createRevocations, type RevocationChange, type Revocations } from '../../../shared/contract/revocations.js'
import type { Log } from '../../../shared/platform/log.js'
import { revocationStream, type StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc, Store } from '../../../shared/store/store.js'
import type { EntryDraft } from '../log/entry.js'
import type { Heads } from '../log/heads.js'
import { readAfter } from '../log/read.js'

export interface NodeRevocations extends Revocations {
  /** Whether the log has been read: before that nobody can be let in. */
  readonly isKnown: boolean
  /** Resolves after the first attempt to read it. */
  readonly looked: Promise<void>
  /** Durable when it resolves, and in force on this node. `before` null lifts it. */
  record: (kind: Scope, name: string, before: number | null) => Promise<void>
  /** Throws GP_STORE_UNAVAILABLE while the log has not been read. */
  requireKnown: () => void
  close: () => void
}

export interface NodeRevocationsOptions {
  readonly store: Store
  readonly heads: Heads
  readonly clock: Clock
  readonly log: Log
  readonly append: (stream: StreamId, draft: EntryDraft) => Promise<{ doc: EntryDoc }>
  /** After each change that was applied. */
  readonly onChange: (change: RevocationChange) => void
}

const lookEachMs = 500
const page = 1_000
/** As long as any message may be kept: the log is the list. */
const keptMs = 3650 * 86_400_000

export function createNodeRevocations ({ store, heads, clock, log, append, onChange }: NodeRevocationsOptions): NodeRevocations {
  const list = createRevocations()
  let isKnown = false
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  let reading: Promise<void> | undefined

  function apply (doc: EntryDoc): void {
    if (doc.seq <= list.seq) return
    const change: RevocationChange = { seq: doc.seq, ...JSON.parse(doc.text) as Omit<RevocationChange, 'seq'> }
    list.apply(change)
    onChange(change)
  }

  async function readOn (): Promise<void> {
    for (let isWhole = false; !isWhole;) {
      const docs = await readAfter(store, revocationStream, list.seq, page)
      for (const doc of docs) apply(doc)
      isWhole = docs.length < page
    }
  }

  /** One at a time; who comes while one runs waits for one that begins after it. */
  async function readOnce (): Promise<void> {
    const before = reading
    const own = (async () => {
      await before?.catch(() => {})
      await readOn()
    })()
    reading = own
    try { await own } finally { if (reading === own) reading = undefined }
  }

  async function reconciler (): Promise<void> {
    try {
      if (!isKnown) {
        await readOnce()
        isKnown = true
      } else {
        const [head] = await heads.fresh([revocationStream])
        if (head! > list.seq) await readOnce()
      }
    } catch (error) {
      log.debug({ err: error }, 'the log of revocations could not be read: again in a moment')
    }
    if (!isClosed) timer = setTimeout(() => { void reconciler() }, lookEachMs).unref()
  }
  const looked = reconciler()

  return {
    ...list,
    get seq () { return list.seq },
    get isKnown () { return isKnown },
    looked,
    requireKnown: () => {
      if (!isKnown) throw new GatepostError('GP_STORE_UNAVAILABLE', 'this node has not read who is revoked yet')
    },
    record: async (kind, name, before) => {
      await append(revocationStream, { kind: 'log', id: createMessageId(clock.tick(), undefined), expiresAt: clock.latest() + keptMs, text: JSON.stringify({ kind, name, before }) })
      await readOnce()
    },
    close: () => {
      isClosed = true
      clearTimeout(timer)
    }
  }
}
