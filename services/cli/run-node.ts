import { authWarnings } from '../../shared/platform/identity/auth-warnings.js'
import { createLog } from '../../shared/platform/log.js'
import { createMetrics, createProcessMetrics } from '../../shared/platform/metrics.js'
import { readNodeSettings } from '../../shared/platform/settings/config.js'
import { redacted, secretsOf } from '../../shared/platform/settings/redacted.js'
import { beginMongodbStore } from '../../shared/store/mongodb-store.js'
import { createNatsBus } from '../dispatch/buses/nats-bus.js'
import { startNode, type RunningNode } from '../notifications/node/start.js'
import type { Terminal } from './command.js'
import { omitUndefined } from './defined.js'
import { firstNodePort, startOnFreePort } from './free-port.js'
import { runService } from './run-service.js'
import { version } from './version.js'

export async function runNode (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readNodeSettings(argv, terminal.surroundings)
  const { host, port, natsUrl, natsCreds, natsPrefix, mongodbUrl, publicUrl, nodeId, logLevel, ...rest } = settings
  const log = createLog({ level: logLevel, secrets: secretsOf(settings) })
  return await runService({
    log,
    drainMs: settings.drainMs,
    hasEcho: terminal.surroundings.env.npm_lifecycle_event !== undefined,
    start: async lifecycle => {
      log.info({ event: 'starting', version, settings: redacted(settings) }, 'starting')
      for (const { event, text } of authWarnings(settings.auth)) log.warn({ event }, text)
      const processMetrics = createProcessMetrics()
      lifecycle.add({ name: 'process metrics', close: () => { processMetrics.close() } })
      // Not awaited: probes are answered while it is prepared.
      const { store } = beginMongodbStore({ url: mongodbUrl, log })
      lifecycle.add({ name: 'store', close: async () => { await store.close() } })
      const bus = createNatsBus({ url: natsUrl, name: 'gatepost node', role: 'node', log, ...omitUndefined({ creds: natsCreds }) })
      lifecycle.add({ name: 'bus', close: async () => { await bus.close() } })
      const start = async (nodePort: number): Promise<RunningNode> => await startNode({
        settings: { ...rest, host, port: nodePort, version, ...omitUndefined({ publicUrl, nodeId }) },
        store,
        bus,
        natsPrefix,
        log,
        metrics: createMetrics({ processMetrics })
      })
      const node = port === undefined ? await startOnFreePort(host, firstNodePort, start) : await start(port)
      lifecycle.add({ name: 'node', drain: node.drain, close: node.close })
      await node.ready()
      return { url: node.url, node: node.id }
    }
  })
}
