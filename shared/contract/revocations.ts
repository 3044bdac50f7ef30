/**
 * Who must not be let in with what was issued before some moment. A list in memory; it is stored as a log of changes
 * (services/notifications/node/revocations.ts), and every Gate and node follows that log.
 */
import { GatepostError } from './errors.js'
import type { Scope } from './claims.js'

/** `before`: ms since 1970; null = lifted. `seq`: the change's place in the log. */
export interface RevocationChange {
  readonly seq: number
  readonly kind: Scope
  readonly name: string
  readonly before: number | null
}

export interface Revocation {
  readonly kind: Scope
  readonly name: string
  /** Ms since 1970. */
  readonly before: number
}

export interface Revocations {
  /** The seq of the last change that was applied; 0 = none. */
  readonly seq: number
  /** Changes must come in the order of their seqs; what was applied already is passed over. */
  apply: (change: RevocationChange) => void
  /** GP_TOKEN_REVOKED where one of these scopes is revoked for what was issued at that time (ms since 1970). Without a time it counts as issued before everything. */
  check: (scopes: Iterable<Scope>, name: string, issuedAt: number | undefined) => void
  /** The time in force, in ms since 1970; null where there is none. */
  beforeOf: (kind: Scope, name: string) => number | null
  isRevoked: (kind: Scope, name: string, issuedAt: number | undefined) => boolean
  /** In force, sorted by kind and name, those after `after`; `next` is the `after` of the following page, null where there is none. */
  page: (limit: number, after: string | undefined) => { revocations: Revocation[], next: string | null }
  /** The latest change of each name, of those after `seq`, in order; `more`: there are further ones. */
  changesAfter: (seq: number, limit: number) => { changes: RevocationChange[], more: boolean }
}

export function createRevocations (): Revocations {
  /** By `kind name`; kept when they are lifted: who follows must hear of that. */
  const latest = new Map<string, RevocationChange>()
  let last = 0

  const keyOf = (kind: Scope, name: string): string => `${kind} ${name}`
  const isRevoked = (kind: Scope, name: string, issuedAt: number | undefined): boolean => {
    if (latest.size === 0) return false
    const before = latest.get(keyOf(kind, name))?.before
    return typeof before === 'number' && (issuedAt ?? -Infinity) < before
  }

  return {
    beforeOf: (kind, name) => latest.get(keyOf(kind, name))?.before ?? null,
    get seq () { return last },
    apply: change => {
      if (change.seq <= last) return
      last = change.seq
      const key = keyOf(change.kind, change.name)
      // Behind all others: the map is in the order of the seqs.
      latest.delete(key)
      latest.set(key, change)
    },
    isRevoked,
    check: (scopes, name, issuedAt) => {
      for (const kind of scopes) if (isRevoked(kind, name, issuedAt)) throw new GatepostError('GP_TOKEN_REVOKED', `token: what was issued to this ${kind} before is revoked; takes a token that was issued later`)
    },
    page: (limit, after) => {
      const found = [...latest].filter(([key, { before }]) => before !== null && (after === undefined || key > after)).sort(([a], [b]) => a < b ? -1 : 1)
      const shown = found.slice(0, limit)
      return {
        revocations: shown.map(([, { kind, name, before }]) => ({ kind, name, before: before! })),
        next: found.length > limit ? shown.at(-1)![0] : null
      }
    },
    changesAfter: (seq, limit) => {
      if (seq >= last) return { changes: [], more: false }
      const changes: RevocationChange[] = []
      for (const change of latest.values()) {
        if (change.seq <= seq) continue
        if (changes.length === limit) return { changes, more: true }
        changes.push(change)
      }
      return { changes, more: false }
    }
  }
}
