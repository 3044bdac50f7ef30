/**
 * The log of revocations, a stream of its own that no reader sees. A node reads it whole at its start, and looks twice a
 * second whether it has grown: one key, whatever is away but the store. So a revocation holds on every node within a second
 * of its answer, without a broadcast that could be lost. Gates ask nodes for it (services/gate/follow-revocations.ts).
 */
import { createMessageId, type Clock } from '../../../shared/contract/clock.js'
import { GatepostError } from '../../../shared/contract/errors.js'
import type { Scope } from '../../../shared/contract/claims.js'
import { createRevocations, type RevocationChange, type Revocations } from '../../../shared/contract/revocations.js'
import type { NodeAnswer } from '../../../shared/contract/node-rpc.js'
import type { Log } from '../../../shared/platform/log.js'
import { revocationStream, type StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc, Store } from '../../../shared/store/store.js'
import type { EntryDraft } from '../log/entry.js'
import type { Heads } from '../log/heads.js'
import { ownerRange } from '../../../shared/store/keys.js'
import { readAfter } from '../log/read.js'

export interface NodeRevocations extends Pick<Revocations, 'check' | 'isRevoked'> {
  /** How far the log has been read; null until it was read for the first time: before that nobody can be let in. */
  readonly seq: number | null
  /** Resolves after the first attempt to read it. */
  readonly looked: Promise<void>
  /** Durable when it resolves, and in force on this node. `before` null lifts it. GP_STORE_UNAVAILABLE while the log has not been read. */
  record: (kind: Scope, name: string, before: number | null) => Promise<void>
  /** What a Gate that knows the log up to `seq` has to learn; rejects as a read of the store does. */
  after: (seq: number, limit: number) => Promise<NodeAnswer<'revocations-after'>>
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
  /** Once, when the log has been read for the first time. */
  readonly onKnown: () => void
  readonly looksPerCheck?: number
}

const lookEachMs = 500
/** So seldom the last entry itself is read: heads go by what is in memory, and a stream never becomes shorter but by a restore. */
const usualLooksPerCheck = 60
const page = 1_000
/** As long as any message may be kept: the log is the list. */
const keptMs = 3650 * 86_400_000

/** The log as far as it has been read. */
function createReader ({ store, onChange }: Pick<NodeRevocationsOptions, 'store' | 'onChange'>) {
  let list = createRevocations()
  let reading: Promise<void> | undefined

  /** From where `to` ends. Another list than that in force takes its place once it is whole. */
  async function readTo (to: Revocations): Promise<void> {
    const news: RevocationChange[] = []
    for (let isWhole = false; !isWhole;) {
      const docs = await readAfter(store, revocationStream, to.seq, page)
      for (const doc of docs) {
        if (doc.seq <= to.seq) continue
        const change: RevocationChange = { seq: doc.seq, ...JSON.parse(doc.text) as Omit<RevocationChange, 'seq'> }
        to.apply(change)
        news.push(change)
      }
      isWhole = docs.length < page
      if (to !== list && !isWhole) continue
      list = to
      for (const change of news.splice(0)) onChange(change)
    }
  }

  /** One at a time; who comes while one runs waits for one that begins after it. */
  async function read ({ isAnew }: { isAnew: boolean }): Promise<void> {
    const before = reading
    const own = (async () => {
      await before?.catch(() => {})
      await readTo(isAnew ? createRevocations() : list)
    })()
    reading = own
    try { await own } finally { if (reading === own) reading = undefined }
  }

  return {
    get list () { return list },
    readOn: async () => { await read({ isAnew: false }) },
    readAnew: async () => { await read({ isAnew: true }) }
  }
}

export function createNodeRevocations ({ store, heads, clock, log, append, onChange, onKnown, looksPerCheck = usualLooksPerCheck }: NodeRevocationsOptions): NodeRevocations {
  const reader = createReader({ store, onChange })
  let isKnown = false
  let looks = 0
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  async function checkEnd (): Promise<void> {
    const known = reader.list.seq
    const [last] = await store.lasts('entries', [ownerRange(revocationStream)])
    const stored = last?.seq ?? 0
    if (stored >= known) return
    log.error({ event: 'store-restored', stored, known }, 'the store lacks revocations that this node has read from it, as after a restore: restart every node')
    await reader.readAnew()
  }

  async function look (): Promise<void> {
    if (!isKnown) {
      await reader.readOn()
      isKnown = true
      onKnown()
      return
    }
    const [head] = await heads.fresh([revocationStream])
    if (head! > reader.list.seq) await reader.readOn()
    else if (++looks % looksPerCheck === 0) await checkEnd()
  }

  async function reconciler (): Promise<void> {
    try {
      await look()
    } catch (error) {
      log.debug({ err: error }, 'the log of revocations could not be read: again in a moment')
    }
    if (!isClosed) timer = setTimeout(() => { void reconciler() }, lookEachMs).unref()
  }
  const looked = reconciler()

  function requireKnown (): void {
    if (!isKnown) throw new GatepostError('GP_STORE_UNAVAILABLE', 'this node has not read who is revoked yet')
  }

  return {
    get seq () { return isKnown ? reader.list.seq : null },
    check: (scopes, name, issuedAt) => { reader.list.check(scopes, name, issuedAt) },
    isRevoked: (kind, name, issuedAt) => reader.list.isRevoked(kind, name, issuedAt),
    looked,
    requireKnown,
    record: async (kind, name, before) => {
      requireKnown()
      await append(revocationStream, { kind: 'log', id: createMessageId(clock.tick(), undefined), expiresAt: clock.latest() + keptMs, text: JSON.stringify({ kind, name, before }) })
      await reader.readOn()
    },
    after: async (seq, limit) => {
      requireKnown()
      if (seq > reader.list.seq) await reader.readOn()
      return seq > reader.list.seq ? { changes: [], more: true, isShorter: true } : reader.list.changesAfter(seq, limit)
    },
    close: () => {
      isClosed = true
      clearTimeout(timer)
    }
  }
}
