/** How Gatepost connects to NATS. */
import { readFileSync } from 'node:fs'
import { credsAuthenticator, type ConnectionOptions } from 'nats'
import { readNatsAddress } from './nats-address.js'

/** What NATS takes by default; until the server says otherwise. */
export const usualMaxPayloadBytes = 1024 * 1024
export const reconnectWaitMs = 250
/** A server that hangs is given up after `maxPingOut` + 1 of these. */
const pingIntervalMs = 2_000
const dialTimeoutMs = 3_000

/** Throws GP_VALIDATION for a malformed address. */
export function connectionOptions ({ url, creds, name, role }: { url: string, creds: string | undefined, name: string, role: 'gate' | 'node' }): ConnectionOptions {
  const { servers, isTls, login } = readNatsAddress(url)
  return {
    servers: [...servers],
    name,
    inboxPrefix: `_INBOX.${role}`,
    noEcho: true,
    ...(isTls ? { tls: {} } : {}),
    ...login,
    // Read again at each connection: the file may have been renewed.
    ...(creds === undefined ? {} : { authenticator: (nonce?: string) => credsAuthenticator(readFileSync(creds))(nonce) }),
    timeout: dialTimeoutMs,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: 100,
    reconnectJitterTLS: 100,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    // The system's own look-up knows /etc/hosts and tries every address of a name.
    resolve: false
  }
}
