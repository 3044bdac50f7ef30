/** What `GATEPOST_NATS_URL` says: servers of one cluster, how to log in, whether by TLS. */
import { GatepostError } from '../../../shared/contract/errors.js'

export interface NatsAddress {
  /** `HOST:PORT` */
  readonly servers: readonly string[]
  readonly isTls: boolean
  readonly login: { readonly user: string, readonly pass: string } | { readonly token: string } | undefined
}

const defaultPort = 4222

/** `nats://` or `tls://` addresses, comma separated; `USER:PASSWORD@` or `TOKEN@` in them is the same in all that have it. */
export function readNatsAddress (text: string): NatsAddress {
  const urls = text.split(',').map(part => part.trim()).filter(part => part !== '').map(readUrl)
  if (urls.length === 0) throw refused('got nothing')
  if (new Set(urls.map(({ protocol }) => protocol)).size > 1) throw refused('got nats:// beside tls://')
  const logins = new Map(urls.filter(({ username }) => username !== '').map(({ username, password }) => [`${username}:${password}`, { username, password }]))
  if (logins.size > 1) throw refused('got different logins')
  const [login] = logins.values()
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === '' ? defaultPort : port}`),
    isTls: urls[0]?.protocol === 'tls:',
    login: login === undefined
      ? undefined
      : login.password === ''
        ? { token: decodeURIComponent(login.username) }
        : { user: decodeURIComponent(login.username), pass: decodeURIComponent(login.password) }
  }
}

function readUrl (part: string): URL {
  let url: URL | undefined
  try { url = new URL(part.includes('://') ? part : `nats://${part}`) } catch (cause) { throw refused('got something else', cause) }
  if ((url.protocol !== 'nats:' && url.protocol !== 'tls:') || url.hostname === '') throw refused('got something else')
  return url
}

/** The address is not shown: it may hold a password. */
const refused = (got: string, cause?: unknown): GatepostError =>
  new GatepostError('GP_VALIDATION', `GATEPOST_NATS_URL: ${got}; takes addresses of the form nats://HOST:PORT or tls://HOST:PORT, comma separated`, { cause })
