import { inspectNats, type NatsInspection } from '../../dispatch/buses/nats-inspect.js'
import type { DoctorSettings } from '../../../shared/platform/settings/settings.js'
import { omitUndefined } from '../defined.js'
import { fail, isAtLeast, ok, reasonOf, warn, type Finding } from './finding.js'
import { commandOf } from './role.js'

const usualMaxPayloadBytes = 1024 * 1024
/** A message of 64 KiB, its envelope, and JSON's escapes. */
const leastMaxPayloadBytes = 256 * 1024

export async function checkNats (settings: DoctorSettings): Promise<Finding[]> {
  const { natsUrl, natsCreds, natsPrefix, busUnsigned, dispatchMode } = settings
  if (natsUrl === undefined) return [ok('nats', 'none is set: dispatch stays within the process of `gatepost up`; `gatepost gate` and `gatepost node` need one')]
  const role = commandOf(settings) === 'node' ? 'node' : 'gate'
  let found: NatsInspection
  try {
    found = await inspectNats({ url: natsUrl, prefix: natsPrefix, role, isByInterest: dispatchMode === 'interest', ...omitUndefined({ creds: natsCreds }) })
  } catch (error) {
    return [fail('nats', reasonOf(error), 'Set GATEPOST_NATS_URL as it says')]
  }
  if (!found.reachable) return [unreachable(found)]
  const { version, maxPayloadBytes, roundTripMs, isReadable } = found
  return [
    isAtLeast(version, [2, 9]) === false
      ? fail('nats', `reached, version ${version}`, 'Use NATS 2.9 or later')
      : ok('nats', `reached, version ${version}, round trip ${roundTripMs} ms`),
    checkPayload(maxPayloadBytes),
    ...checkRights(role, found),
    ...isReadable ? [warn('nats link', 'it is not encrypted: whoever is between reads all mail and the login', 'Give NATS a certificate, and GATEPOST_NATS_URL tls:// in place of nats://')] : [],
    ...busUnsigned === 'accept' ? [warn('nats trust', 'GATEPOST_BUS_UNSIGNED is accept: whoever may publish announcements can be a node, without the secret', 'Set GATEPOST_BUS_UNSIGNED=refuse once no process of version 0.1 runs any more')] : []
  ]
}

function unreachable ({ isLoginRefused, cause }: NatsInspection & { reachable: false }): Finding {
  if (isLoginRefused) return fail('nats', `reached, and it refuses the login: ${reasonOf(cause)}`, 'Check the user and the password in GATEPOST_NATS_URL, or the file that GATEPOST_NATS_CREDS names, against the users of the server')
  return fail('nats', `not reached: ${reasonOf(cause)}`, 'Check GATEPOST_NATS_URL and GATEPOST_NATS_CREDS, and that the server runs')
}

function checkPayload (bytes: number): Finding {
  if (bytes < leastMaxPayloadBytes) return fail('nats payload', `max_payload is ${bytes} bytes`, `Set it to ${usualMaxPayloadBytes}, the usual value: messages of 64 KiB do not fit`)
  if (bytes < usualMaxPayloadBytes) return warn('nats payload', `max_payload is ${bytes} bytes`, `Set it to ${usualMaxPayloadBytes}, the usual value: batches are cut smaller than they need be`)
  return ok('nats payload', `max_payload is ${bytes} bytes`)
}

function checkRights (role: 'gate' | 'node', { lacks, exceeds }: { lacks: readonly string[], exceeds: readonly string[] }): Finding[] {
  const who = role === 'node' ? 'a node' : 'a Gate (no GATEPOST_MONGODB_URL is set)'
  const remedy = 'Give this login the permissions that docs/operations.md lists'
  if (lacks.length > 0) return [fail('nats rights', `${who} may not ${lacks.join(', ')}`, remedy)]
  if (exceeds.length > 0) return [warn('nats rights', `${who} needs less than this login may: ${exceeds.join(', ')}`, remedy)]
  return [ok('nats rights', `what ${who} needs, and no more`)]
}
