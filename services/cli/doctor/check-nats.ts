import { inspectNats } from '../../dispatch/nats-bus.js'
import { defined } from '../defined.js'
import { fail, isAtLeast, ok, reasonOf, warn, type Finding } from './finding.js'

const usualMaxPayloadBytes = 1024 * 1024
/** A message of 64 KiB, its envelope, and JSON's escapes. */
const leastMaxPayloadBytes = 256 * 1024

export async function checkNats ({ natsUrl, natsCreds }: { natsUrl: string | undefined, natsCreds: string | undefined }): Promise<Finding[]> {
  if (natsUrl === undefined) return [ok('nats', 'none is set: dispatch stays within the process of `gatepost up`; `gatepost gate` and `gatepost node` need one')]
  try {
    const { version, maxPayloadBytes, roundTripMs } = await inspectNats({ url: natsUrl, ...defined({ creds: natsCreds }) })
    return [
      isAtLeast(version, [2, 9]) === false
        ? fail('nats', `reached, version ${version}`, 'Use NATS 2.9 or later')
        : ok('nats', `reached, version ${version}, round trip ${roundTripMs} ms`),
      checkPayload(maxPayloadBytes)
    ]
  } catch (error) {
    return [fail('nats', `not reached: ${reasonOf(error)}`, 'Check GATEPOST_NATS_URL and GATEPOST_NATS_CREDS, and that the server runs')]
  }
}

function checkPayload (bytes: number): Finding {
  if (bytes < leastMaxPayloadBytes) return fail('nats payload', `max_payload is ${bytes} bytes`, `Set it to ${usualMaxPayloadBytes}, the usual value: messages of 64 KiB do not fit`)
  if (bytes < usualMaxPayloadBytes) return warn('nats payload', `max_payload is ${bytes} bytes`, `Set it to ${usualMaxPayloadBytes}, the usual value: batches are cut smaller than they need be`)
  return ok('nats payload', `max_payload is ${bytes} bytes`)
}
