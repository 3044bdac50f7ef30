import { isIPv6 } from 'node:net'
import type { App } from './create-app.js'

interface ListenOptions {
  readonly host: string
  readonly port: number
  /** Where processes share their ports (`up --processes`): this one's own. */
  readonly isExclusive?: boolean
}

/** Listens and gives the address to reach it by (`http://HOST:PORT`), with the real port where 0 was asked. */
export async function listenOn (app: Pick<App, 'listen' | 'server'>, { host, port, isExclusive = false }: ListenOptions): Promise<string> {
  await app.listen({ host, port, exclusive: isExclusive })
  const address = app.server.address()
  const boundPort = typeof address === 'object' && address !== null ? address.port : port
  return addressOf(host, boundPort)
}

export const addressOf = (host: string, port: number): string => `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
