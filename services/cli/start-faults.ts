import type { Fault } from '../../shared/settings/fault.js'

/** What a start failed on, where a setting is to blame; undefined for everything else. */
export function faultOfStart (error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, syscall, port, address } = error as NodeJS.ErrnoException & { port?: number, address?: string }
  if (syscall === 'listen' && (code === 'EADDRINUSE' || code === 'EACCES')) {
    return { setting: 'GATEPOST_PORT', origin: undefined, got: `${port ?? 'a port'}, which ${code === 'EACCES' ? 'this user may not listen on' : 'is in use'}`, takes: 'a free port, or 0 for any' }
  }
  if (code === 'EADDRNOTAVAIL' || (code !== undefined && /^(?:ENOTFOUND|EAI_)/.test(code) && syscall === 'getaddrinfo')) {
    return { setting: 'GATEPOST_HOST', origin: undefined, got: `${JSON.stringify(address ?? (error as { hostname?: string }).hostname ?? '')}, which is no address of this machine`, takes: 'an address of this machine, or 0.0.0.0 for all of them' }
  }
  return undefined
}
