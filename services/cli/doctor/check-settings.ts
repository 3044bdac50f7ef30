import { faultLine, SettingsError, type Fault } from '../../../shared/platform/settings/fault.js'
import { readKeptSecret } from '../../../shared/platform/settings/secret-file.js'
import type { DoctorSettings } from '../../../shared/platform/settings/settings.js'
import { fail, ok, warn, type Finding } from './finding.js'

export function checkSettings (settings: DoctorSettings, faults: readonly Fault[]): Finding[] {
  if (faults.length > 0) return faults.map(fault => fail('settings', faultLine(fault), 'docs/configuration.md lists them all'))
  return [
    ok('settings', 'all that are set are known and well-formed'),
    checkSecret(settings)
  ]
}

function checkSecret ({ secret, dataDir }: DoctorSettings): Finding {
  if (secret !== undefined) return ok('secret', `GATEPOST_SECRET has ${Buffer.byteLength(secret)} bytes`)
  try {
    if (readKeptSecret(dataDir) !== undefined) return ok('secret', `kept by \`gatepost up\` in ${dataDir}`)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    return fail('secret', error.message, 'See above')
  }
  return warn('secret', 'none is set', '`gatepost up` makes one; for `gatepost gate` and `gatepost node` set GATEPOST_SECRET, the same everywhere')
}
