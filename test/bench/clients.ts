import { signTicket, signToken } from '../../shared/platform/identity/sign.js'
import { startChild, type Child } from './child.js'
import { secret, userName } from './message.js'
import type { Resources } from './resources.js'

const hourMs = 3_600_000
const openedPerSecond = 2_000

export const ticketOf = (user: string, node: string): string =>
  signTicket({ secret, user, node, groups: [], userTokenExpiresAt: Date.now() + 6 * hourMs, userTokenIssuedAt: Date.now() }).ticket

export const producerToken = (): string => signToken({ secret, sub: 'shop', scopes: ['producer'], groups: [], ttlMs: 6 * hourMs })

/**
 * The clients of one server, with a socket for each user from `from` up to `users`. `node` undefined: of a bare Socket.IO server.
 * Sockets of ours ask for entries of form 2 and count unread messages along, as our client libraries do.
 */
export async function openClients (resources: Resources, { url, node, users, from = 0 }: { url: string, node?: string, users: number, from?: number }): Promise<Child> {
  const clients = resources.add(await startChild('./load-child.ts', []))
  const auths = Array.from({ length: users - from }, (_, i) => node === undefined ? { user: userName(from + i) } : { form: 2, counts: true, ticket: ticketOf(userName(from + i), node) })
  await clients.ask('open', { url, auths, waitsForReady: node !== undefined, perSecond: openedPerSecond })
  return clients
}

export interface GatepostServer { readonly server: Child, readonly dir: string, readonly gate: string, readonly node: { readonly id: string, readonly url: string } }

export async function startGatepost (resources: Resources, flags?: readonly string[], mongodbUrl?: string): Promise<GatepostServer> {
  const dir = await resources.tempDir()
  const server = resources.add(await startChild('./servers/gatepost-child.ts', flags))
  return { server, dir, ...await server.ask<Omit<GatepostServer, 'server' | 'dir'>>('start', { dir, mongodbUrl }) }
}

export async function startSocketIo (resources: Resources, redisUrl?: string, flags?: readonly string[]): Promise<{ server: Child, url: string }> {
  const server = resources.add(await startChild('./servers/socketio-child.ts', flags))
  return { server, ...await server.ask<{ url: string }>('start', { redisUrl }) }
}
