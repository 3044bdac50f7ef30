/**
 * What waits for readers of pages, bounded: a page may be 13 MB, and whoever asks for many and reads none would have them all
 * kept. Counted while a page is put together, so that a hundred asked for at once do not pass before the first is counted.
 */
import type { ServerResponse } from 'node:http'
import { GatepostError } from '../../../../shared/contract/errors.js'
import type { UserId } from '../../../../shared/contract/names.js'

export interface AnswerBudget {
  /** Counts what this answer holds, until it has gone out or its connection is closed. */
  readonly hold: (user: UserId, response: ServerResponse) => (chars: number) => void
}

const maxUserChars = 32 << 20
const maxChars = 128 << 20
/** A request must arrive within a minute; its answer may take two. */
const maxTakingMs = 120_000

/** What is counted beyond a limit is refused: GP_RATE_LIMIT for one user's, GP_OVERLOADED for everybody's. */
export function createAnswerBudget (): AnswerBudget {
  const byUser = new Map<UserId, number>()
  let total = 0

  return {
    hold: (user, response) => {
      let held = 0
      let isOver = false
      const timer = setTimeout(() => { response.destroy() }, maxTakingMs)
      response.once('close', () => {
        clearTimeout(timer)
        isOver = true
        total -= held
        const left = (byUser.get(user) ?? 0) - held
        if (left > 0) byUser.set(user, left)
        else byUser.delete(user)
      })
      return chars => {
        if (isOver) throw new GatepostError('GP_OVERLOADED', 'pages: who asked has gone')
        const ofUser = (byUser.get(user) ?? 0) + chars
        if (ofUser > maxUserChars) throw new GatepostError('GP_RATE_LIMIT', `pages: got more than ${maxUserChars} characters that this user has not read yet; read the answers`)
        if (total + chars > maxChars) throw new GatepostError('GP_OVERLOADED', 'too many pages wait for their readers')
        held += chars
        total += chars
        byUser.set(user, ofUser)
      }
    }
  }
}
