/** The store and the bus that may be outside a machine. Either adapter is loaded where it is used only: a driver costs a tenth of a second. */
import type { Log } from '../../shared/platform/log.js'
import type { Store } from '../../shared/store/store.js'
import { omitUndefined } from './defined.js'
import type { OpenBus } from './site.js'

/** Not awaited: probes are answered while it is prepared. */
export async function openMongodb (url: string, log: Log): Promise<Store> {
  const { beginMongodbStore } = await import('../../shared/store/mongodb-store.js')
  return beginMongodbStore({ url, log }).store
}

export async function openNats (url: string, creds: string | undefined, log: Log): Promise<OpenBus> {
  const { createNatsBus } = await import('../dispatch/buses/nats-bus.js')
  return (role, name) => createNatsBus({ url, name: `gatepost ${name}`, role, log, ...omitUndefined({ creds }) })
}
