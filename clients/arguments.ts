/** What an application hands over is checked at once, in the words that the server uses: a mistake that never can pass is no reason to wait. */
import { GatepostError } from './errors.js'

const refuse = (name: string, got: string, takes: string): never => { throw new GatepostError('GP_VALIDATION', `${name}: got ${got}; takes ${takes}`) }
const shown = (value: unknown): string =>
  value === undefined || value === null || value === '' ? 'nothing' : typeof value === 'string' ? JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value) : `a value of type ${typeof value}`

export function checkOptions (options: unknown, listeners: readonly string[]): void {
  if (typeof options !== 'object' || options === null) return refuse('options', shown(options), 'an object with gate and token')
  const { gate, token, storage, ...rest } = options as Record<string, unknown>
  checkGate(gate)
  if (typeof token !== 'function' && (typeof token !== 'string' || token === '')) refuse('token', shown(token), 'a text or a function that gives one')
  if (storage !== undefined) {
    const { getItem, setItem } = (storage ?? {}) as Record<string, unknown>
    if (typeof getItem !== 'function' || typeof setItem !== 'function') refuse('storage', shown(storage), 'an object with getItem and setItem')
  }
  for (const name of listeners) if (rest[name] !== undefined && typeof rest[name] !== 'function') refuse(name, shown(rest[name]), 'a function')
}

function checkGate (gate: unknown): void {
  // A page's own Gate needs no name.
  const hasPage = typeof location === 'object' && /^https?:$/.test(location.protocol)
  const takes = hasPage ? "an http or https address, or '' for the page's own" : 'an http or https address'
  if (typeof gate !== 'string' || (gate === '' && !hasPage)) return refuse('gate', shown(gate), takes)
  if (hasPage && (gate === '' || gate.startsWith('/'))) return
  let protocol = ''
  try { ({ protocol } = new URL(gate)) } catch {
    // No address at all: refused below.
  }
  if (!/^https?:$/.test(protocol)) refuse('gate', shown(gate), takes)
}
