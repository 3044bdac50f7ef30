/** A Gate and a node as they run under `up`: in-process dispatch, the embedded store, or MongoDB. */
import { setTimeout as pause } from 'node:timers/promises'
import { createInProcessBus } from '../../../services/dispatch/buses/in-process-bus.js'
import { startGate } from '../../../services/gate/start.js'
import { startNode } from '../../../services/notifications/node/start.js'
import { createLog } from '../../../shared/platform/log.js'
import { openMongodbStore } from '../../../shared/store/mongodb-store.js'
import { openLmdbStore } from '../../../shared/store/lmdb-store.js'
import { secret } from '../message.js'
import { serveParent } from '../serve-parent.js'

serveParent({
  start: async ({ dir, mongodbUrl }: { dir: string, mongodbUrl: string | undefined }) => {
    const log = createLog({ level: 'warn', isPretty: false })
    const hub = createInProcessBus()
    const store = mongodbUrl === undefined ? await openLmdbStore({ dir, log }) : await openMongodbStore({ url: mongodbUrl, log })
    const keys = { secret, auth: { kind: 'secret', secret } as const }
    const node = await startNode({
      settings: { host: '127.0.0.1', port: 0, nodeId: 'n1', nodeWeight: 1, ...keys, retentionMs: 30 * 86_400_000, drainMs: 0, version: '0.0.0' },
      store, bus: hub.connect('n1'), natsPrefix: 'compare', log
    })
    const gate = await startGate({ settings: { host: '127.0.0.1', port: 0, ...keys, isDemo: false, version: '0.0.0' }, bus: hub.connect('gate'), natsPrefix: 'compare', log })
    while (!(await fetch(`${node.url}/readyz`)).ok) await pause(20)
    return { node: { id: node.id, url: node.url }, gate: gate.url }
  }
})
