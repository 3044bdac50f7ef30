import type { Log } from '../../shared/log.js'
import type { Store } from '../../shared/store/store.js'

// Named by a variable: this module is not there yet.
const mongodb: string = '../../shared/store/mongodb-store.js'
export const openMongodbStore = async (options: { url: string, log: Log }): Promise<Store> => await (await import(mongodb)).openMongodbStore(options)
