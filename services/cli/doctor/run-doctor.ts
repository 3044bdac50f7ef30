import { readDoctorSettings } from '../../../shared/platform/settings/config.js'
import type { DoctorSettings } from '../../../shared/platform/settings/settings.js'
import type { Terminal } from '../command.js'
import { checkDataDir } from './check-data-dir.js'
import { checkMongodb } from './check-mongodb.js'
import { checkNats } from './check-nats.js'
import { checkPorts } from './check-ports.js'
import { checkReach } from './check-reach.js'
import { checkSettings } from './check-settings.js'
import { checkUserTokens } from './check-user-tokens.js'
import { findingLine, ok, type Finding } from './finding.js'
import { commandOf } from './role.js'

export async function runDoctor (argv: readonly string[], { surroundings, stdout }: Terminal): Promise<number> {
  const { settings, faults } = readDoctorSettings(argv, surroundings)
  const findings = [
    ...checkSettings(settings, faults),
    ...await checkUserTokens(settings),
    ...checkReach(settings),
    ...await checkPorts(settings),
    ...await checkNats(settings),
    ...await checkStore(settings)
  ]
  for (const finding of findings) stdout(`${findingLine(finding)}\n`)
  const count = (level: string): number => findings.filter(finding => finding.level === level).length
  stdout(`${count('ok')} ok, ${count('warn')} to look at, ${count('FAIL')} failed\n`)
  return count('FAIL') === 0 ? 0 : 1
}

async function checkStore (settings: DoctorSettings): Promise<Finding[]> {
  if (settings.mongodbUrl !== undefined) return await checkMongodb(settings.mongodbUrl)
  if (commandOf(settings) === 'gate') return [ok('store', 'no GATEPOST_MONGODB_URL is set: `gatepost gate` needs none, `gatepost node` needs one')]
  return [ok('store', 'embedded: no GATEPOST_MONGODB_URL is set'), ...await checkDataDir(settings)]
}
