/** How many a page of a list holds, the same for each of Gate's lists. */
import { Type } from 'typebox'
import { refusal } from '../../../shared/contract/errors.js'

const usual = 100
const most = 1_000
const takes = `a whole number, 1 to ${most}`

/** For a route's querystring. */
export const PageLimit = Type.Optional(Type.String({ pattern: '^[0-9]{1,4}$', description: takes }))

/** The number that a checked querystring asks for. Throws GP_VALIDATION. */
export function pageLimitOf (text: string | undefined): number {
  const limit = text === undefined ? usual : Number(text)
  if (limit < 1 || limit > most) throw refusal('query.limit', text, takes)
  return limit
}
