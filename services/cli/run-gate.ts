import { authWarnings, demoWarnings } from '../../shared/platform/identity/auth-warnings.js'
import { createLog } from '../../shared/platform/log.js'
import { createMetrics, createProcessMetrics } from '../../shared/platform/metrics.js'
import { readGateSettings } from '../../shared/platform/settings/config.js'
import { redacted, secretsOf } from '../../shared/platform/settings/redacted.js'
import { createNatsBus } from '../dispatch/buses/nats-bus.js'
import { startGate } from '../gate/start.js'
import type { Terminal } from './command.js'
import { omitUndefined } from './defined.js'
import { runService } from './run-service.js'
import { version } from './version.js'

export async function runGate (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readGateSettings(argv, terminal.surroundings)
  const { host, port, metricsPort, origins, secret, acceptSecrets, auth, isDemo, natsUrl, natsCreds, natsPrefix, busUnsigned, rateProducerPerMinute, drainMs, logLevel } = settings
  const log = createLog({ level: logLevel, secrets: secretsOf(settings) })
  return await runService({
    log,
    drainMs,
    hasEcho: terminal.surroundings.env.npm_lifecycle_event !== undefined,
    start: async lifecycle => {
      log.info({ event: 'starting', version, settings: redacted(settings) }, 'starting')
      for (const { event, text } of [...authWarnings(auth), ...demoWarnings(isDemo, auth)]) log.warn({ event }, text)
      const processMetrics = createProcessMetrics()
      lifecycle.add({ name: 'process metrics', close: () => { processMetrics.close() } })
      const bus = createNatsBus({ url: natsUrl, name: 'gatepost gate', role: 'gate', log, ...omitUndefined({ creds: natsCreds }) })
      lifecycle.add({ name: 'bus', close: async () => { await bus.close() } })
      const gate = await startGate({
        settings: { host, port, metricsPort, origins, secret, acceptSecrets, auth, isDemo, busUnsigned, version, ...omitUndefined({ rateProducerPerMinute }) },
        bus,
        natsPrefix,
        log,
        metrics: createMetrics({ processMetrics })
      })
      lifecycle.add({ name: 'gate', close: gate.close })
      return { url: gate.url }
    }
  })
}
