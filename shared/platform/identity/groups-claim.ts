/**
 * The groups that a token names. The claim is the provider's and was not made for Gatepost: what cannot be a group is left
 * out, a form that is no list of names is passed over, and one line in the log says so for each issuer and form.
 */
import type { Log } from '../log.js'
import { isName } from '../../contract/names.js'
import type { TokenRules } from '../settings/settings.js'
import type { Payload } from '../../contract/claims.js'

/** Undefined where the token does not say which groups its user is in. */
export type GroupsReader = (payload: Payload) => readonly string[] | undefined

const maxGroups = 1_000
const maxLines = 100

export function createGroupsReader ({ groupsClaim, groups: way }: Pick<TokenRules, 'groupsClaim' | 'groups'>, log?: Pick<Log, 'warn'>): GroupsReader {
  const warned = new Set<string>()
  const warnOnce = ({ iss }: Payload, form: string): void => {
    const line = `${form} of ${typeof iss === 'string' ? iss.slice(0, 200) : 'no issuer'}`
    if (warned.has(line) || warned.size >= maxLines) return
    warned.add(line)
    log?.warn({ event: 'groups-passed-over', claim: groupsClaim, form, issuer: typeof iss === 'string' ? iss.slice(0, 200) : undefined }, 'the groups in a token are not all names of groups; told once for each form')
  }

  if (groupsClaim === undefined) return () => undefined
  return payload => {
    // OpenID Connect Core, 5.6.2: the claim is to be fetched elsewhere. Microsoft says so where there are too many groups.
    if (Object.hasOwn(Object(payload._claim_names), groupsClaim)) {
      warnOnce(payload, 'a distributed claim')
      return undefined
    }
    const value = Object.hasOwn(payload, groupsClaim) ? payload[groupsClaim] : undefined
    if (value === undefined || value === null) return way === 'replace' ? [] : undefined
    const listed: unknown = typeof value === 'string' ? [value] : value
    if (!Array.isArray(listed)) {
      warnOnce(payload, typeof value)
      return undefined
    }
    const names = [...new Set(listed.filter(isName))]
    if (names.length > maxGroups) warnOnce(payload, `a list of more than ${maxGroups}`)
    if (!listed.every(isName)) warnOnce(payload, 'a list with what is no name')
    return names.slice(0, maxGroups)
  }
}
