import { readDoctorSettings } from '../../../shared/settings/config.js'
import type { Terminal } from '../command.js'
import { checkDataDir } from './check-data-dir.js'
import { checkMongodb } from './check-mongodb.js'
import { checkNats } from './check-nats.js'
import { checkSettings } from './check-settings.js'
import { checkUserTokens } from './check-user-tokens.js'
import { findingLine, ok } from './finding.js'

export async function runDoctor (argv: readonly string[], { surroundings, stdout }: Terminal): Promise<number> {
  const { settings, faults } = readDoctorSettings(argv, surroundings)
  const findings = [
    ...checkSettings(settings, faults),
    ...await checkUserTokens(settings),
    ...await checkNats(settings),
    ...settings.mongodbUrl === undefined
      ? [ok('store', 'embedded: no GATEPOST_MONGODB_URL is set; `gatepost node` needs one'), ...await checkDataDir(settings), ok('clock', 'the embedded store goes by this machine\'s clock')]
      : await checkMongodb(settings.mongodbUrl)
  ]
  for (const finding of findings) stdout(`${findingLine(finding)}\n`)
  const count = (level: string): number => findings.filter(finding => finding.level === level).length
  stdout(`${count('ok')} ok, ${count('warn')} to look at, ${count('FAIL')} failed\n`)
  return count('FAIL') === 0 ? 0 : 1
}
