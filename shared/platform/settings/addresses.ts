/** Hosts and addresses as settings take them. */
import { isIP, isIPv4 } from 'node:net'

export const isHost = (value: string): boolean => isIP(value) !== 0 || (value.length <= 253 && /^(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?$/i.test(value) && !/^[\d.]+$/.test(value))

export function isUrl (value: string, protocols: readonly string[]): boolean {
  if (/\s/.test(value) || !URL.canParse(value)) return false
  const url = new URL(value)
  return protocols.includes(url.protocol) && url.hostname !== ''
}

/** Nothing behind the port. */
export const isOrigin = (value: string): boolean => isAddress(value) && new URL(value).pathname === '/'

/** A path may follow, of segments that every proxy leaves as they are. */
export function isAddress (value: string): boolean {
  if (!isUrl(value, ['http:', 'https:'])) return false
  const { href, origin, pathname } = new URL(value)
  return href === `${origin}${pathname}` && /^(?:\/[\w.~-]+)*\/?$/.test(pathname)
}

/** Without the slash that may end it. */
export const plainAddress = (value: string): string => {
  const { origin, pathname } = new URL(value)
  return `${origin}${pathname.replace(/\/$/, '')}`
}

/** Whether a name can be a step of a path: of these two clients make steps up and down, however they are encoded. */
export const isPathSegment = (name: string): boolean => name !== '.' && name !== '..'

const plainHost = (host: string): string => host.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '').toLowerCase()

/** `0.0.0.0`, `::`: all addresses of a machine, and for whoever connects to it the own machine. */
export function isUnspecified (host: string): boolean {
  const name = plainHost(host)
  return isIP(name) !== 0 && /^(?:0\.0\.0\.0|[0:]+|::ffff:(?:0\.0\.0\.0|0:0))$/.test(name)
}

/** Whether only this machine reaches it. */
export function isLoopback (host: string): boolean {
  const name = plainHost(host)
  const v4 = /^::ffff:([\d.]+)$/.exec(name)?.[1] ?? name
  return name === '::1' || (isIPv4(v4) && v4.startsWith('127.')) || name === 'localhost' || name.endsWith('.localhost')
}

/** The path of an address, without a slash at its end: empty where there is none. Throws for what is no address. */
export const pathOf = (url: string): string => new URL(url).pathname.replace(/\/+$/, '')
