/**
 * Who did what to whom: one INFO line, `"event":"audit"`, with `actor, scope, action, target, result`. `result` is `done`, or the
 * code of the refusal. Whoever sends wrong tokens could fill the log: of refusals `maxRefusalsPerMinute` are written, and how
 * many were not is said with the next minute's first.
 */
import type { ErrorCode } from '../contract/errors.js'
import type { Log } from './log.js'

export interface AuditEntry {
  /** The `sub` of the token; undefined where none was good. */
  readonly actor: string | undefined
  /** The scopes of the token, separated by spaces. */
  readonly scope: string | undefined
  /** What was done: a noun and a verb, such as `group.join`. */
  readonly action: string
  /** To whom or what. */
  readonly target: string
  readonly result: string
}

export interface Audit {
  /** Something that changes who may do what, or that an admin did. */
  record: (entry: AuditEntry) => void
  /** Nobody was let in. */
  refused: (entry: AuditEntry) => void
}

/** Refusals that may be an attack. A token that is missing or has ended is everyday business. */
export const isAudited = (code: ErrorCode): boolean => code === 'GP_TOKEN_INVALID' || code === 'GP_TOKEN_REVOKED' || code === 'GP_SCOPE'

export const maxRefusalsPerMinute = 60
const minuteMs = 60_000

/** `elapsed`: ms of a clock that never jumps. */
export function createAudit ({ log, elapsed = () => performance.now() }: { log: Pick<Log, 'info'>, elapsed?: () => number }): Audit {
  let minuteEndsAtMs = -Infinity
  let refusals = 0

  const record = (entry: AuditEntry): void => { log.info({ event: 'audit', ...entry }, 'audit') }

  return {
    record,
    refused: entry => {
      const nowMs = elapsed()
      if (nowMs >= minuteEndsAtMs) {
        const untold = refusals - maxRefusalsPerMinute
        if (untold > 0) log.info({ event: 'audit-cut', refusals: untold }, 'so many refusals of the minute before were not written')
        minuteEndsAtMs = nowMs + minuteMs
        refusals = 0
      }
      if (++refusals <= maxRefusalsPerMinute) record(entry)
    }
  }
}
