import { pathOf } from '../../shared/platform/settings/addresses.js'

/** Where a node is for its clients. */
export interface NodeAddress {
  /** Its REST begins behind it. */
  readonly url: string
  /** Of Socket.IO, at the url's origin; absent where it is Socket.IO's own. */
  readonly path?: string
}

/** `url`: as the node announces it, of whatever version it is. A Socket.IO client takes a path in an address for the name of a namespace. */
export function nodeAddress (url: string): NodeAddress {
  const path = URL.canParse(url) ? pathOf(url) : ''
  return path === '' ? { url } : { url, path: `${path}/socket.io` }
}
