import { isIPv6 } from 'node:net'
import type { App } from './create-app.js'

/** Listens and gives the address to reach it by (`http://HOST:PORT`), with the real port where 0 was asked. */
export async function listenOn (app: Pick<App, 'listen' | 'server'>, { host, port }: { host: string, port: number }): Promise<string> {
  await app.listen({ host, port })
  const address = app.server.address()
  const boundPort = typeof address === 'object' && address !== null ? address.port : port
  return `http://${isIPv6(host) ? `[${host}]` : host}:${boundPort}`
}
