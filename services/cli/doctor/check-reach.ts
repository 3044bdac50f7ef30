/** Who reaches this process: the address that clients get, and what a stranger may do here. */
import { isLoopback, isUnspecified } from '../../../shared/platform/settings/addresses.js'
import type { DoctorSettings } from '../../../shared/platform/settings/settings.js'
import { ok, warn, type Finding } from './finding.js'
import { commandOf } from './role.js'

export function checkReach (settings: DoctorSettings): Finding[] {
  const { host, publicUrl, isDemo, origins } = settings
  const isPrivate = isLoopback(host) && (publicUrl === undefined || isLoopback(new URL(publicUrl).hostname))
  return [
    ...commandOf(settings) === 'gate' ? [] : [checkAddress(settings)],
    ...isDemo ? [warn('demo', isPrivate ? 'on: whoever reaches this machine can be any user' : `on, and ${host} is not for this machine alone: whoever reaches it can be any user`, 'Set GATEPOST_DEMO=false, or GATEPOST_SECRET, before others can reach it')] : [],
    ...origins.includes('*') && !isPrivate ? [warn('origins', 'GATEPOST_ORIGINS is *: the pages of any site may use a token that they got hold of, in the browser of who reads them', 'Set GATEPOST_ORIGINS to the origins of your own pages')] : [ok('origins', origins.join(', '))]
  ]
}

/** Of the nodes: a Gate's own is known to its clients. */
function checkAddress (settings: DoctorSettings): Finding {
  const { host, publicUrl } = settings
  if (publicUrl !== undefined) {
    return isUnspecified(new URL(publicUrl).hostname)
      ? warn('address', `GATEPOST_PUBLIC_URL is ${publicUrl}, which leads each client to its own machine`, 'Set it to the address by which clients reach this node')
      : ok('address', `clients are given ${publicUrl}`)
  }
  if (isUnspecified(host) && commandOf(settings) === 'up') return ok('address', 'clients are given the address that they ask Gate by')
  if (isUnspecified(host)) return warn('address', `GATEPOST_HOST is ${host} and GATEPOST_PUBLIC_URL is not set: clients are given an address that leads each of them to its own machine`, 'Set GATEPOST_PUBLIC_URL to the address by which clients reach this node')
  return ok('address', isLoopback(host) ? `clients are given ${host}: they must be on this machine` : `clients are given ${host}`)
}
