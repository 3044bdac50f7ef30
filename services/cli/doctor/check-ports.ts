/** Whether the ports are free. Where Gatepost has them already it says which part, and how that is. */
import { isIPv6 } from 'node:net'
import { isUnspecified } from '../../../shared/platform/settings/addresses.js'
import type { DoctorSettings } from '../../../shared/platform/settings/settings.js'
import { isFree } from '../free-port.js'
import { howMany } from '../processes/how-many.js'
import { fail, ok, reasonOf, type Finding } from './finding.js'
import { commandOf } from './role.js'

const usualGatePort = 8080
const answerMs = 2_000

/** `of` says which setting asks for it. */
interface Wanted { readonly port: number, readonly setting: string, readonly of: string }

export async function checkPorts (settings: DoctorSettings): Promise<Finding[]> {
  const { host, port, metricsPort } = settings
  if (port !== undefined && port !== 0 && port === metricsPort) return [fail('port', `GATEPOST_PORT and GATEPOST_METRICS_PORT are both ${port}`, 'Give each its own')]
  const findings: Finding[] = []
  for (const wanted of wantedPorts(settings)) {
    const finding = await checkPort(host, wanted)
    findings.push(finding)
    if (finding.remedy === remedyOfHost) break
  }
  return findings
}

function wantedPorts (settings: DoctorSettings): Wanted[] {
  const { port, metricsPort } = settings
  const command = commandOf(settings)
  const service: Wanted[] = port !== undefined
    ? [{ port, setting: 'GATEPOST_PORT', of: 'GATEPOST_PORT' }]
    : command === 'node' ? [] : [{ port: usualGatePort, setting: 'GATEPOST_PORT', of: 'GATEPOST_PORT, which is not set' }]
  const setting = 'GATEPOST_METRICS_PORT'
  const numbers = metricsPort === undefined ? [] : command === 'up' && metricsPort !== 0 ? Array.from({ length: 1 + howMany({ ...settings, nodes: undefined }).nodes }, (_, i) => i) : [0]
  const metrics = numbers.map(i => ({ port: metricsPort! + i, setting, of: i === 0 ? setting : `${setting} + ${i}, of node ${i} of \`gatepost up\`` }))
  return [...service, ...metrics].filter(({ port }) => port !== 0)
}

const remedyOfHost = 'Set GATEPOST_HOST to an address of this machine, or to 0.0.0.0 for all of them'

async function checkPort (host: string, { port, setting, of }: Wanted): Promise<Finding> {
  try {
    if (await isFree(host, port)) return ok('port', `${port} is free (${of})`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') return fail('port', `this user may not listen on ${port} (${of})`, `Set ${setting} to 1024 or above, or give the right to listen below`)
    return fail('port', `nothing can listen on ${host}: ${reasonOf(error)}`, remedyOfHost)
  }
  const own = await whatAnswers(host, port)
  return own === undefined
    ? fail('port', `${port} is taken by another program (${of})`, `End it, or set ${setting} to a free port`)
    : ok('port', `${port} (${of}): Gatepost is running there, ${own}`)
}

/** Undefined where it is no Gatepost. No token is shown to it: nobody knows what it is. */
async function whatAnswers (host: string, port: number): Promise<string | undefined> {
  const name = isUnspecified(host) ? isIPv6(host) ? '[::1]' : '127.0.0.1' : isIPv6(host) ? `[${host}]` : host
  const ask = async (path: string): Promise<{ code?: unknown, status?: unknown, checks?: unknown } | undefined> => {
    try {
      const response = await fetch(`http://${name}:${port}${path}`, { redirect: 'error', signal: AbortSignal.timeout(answerMs) })
      return Object(await response.json()) as object
    } catch {
      return undefined // no HTTP, no JSON: no Gatepost
    }
  }
  const [gate, node, probe] = await Promise.all(['/gate/nodes', '/messages', '/readyz'].map(ask))
  const part = gate?.code === 'GP_TOKEN_MISSING' ? 'a Gate' : node?.code === 'GP_TOKEN_MISSING' ? 'a node' : undefined
  const isProbe = probe?.status === 'ready' || probe?.status === 'not ready'
  if (part === undefined && !(isProbe && typeof probe.checks === 'object')) return undefined
  const missing = isProbe ? Object.entries(Object(probe.checks) as Record<string, unknown>).filter(([, check]) => !String(check).startsWith('ok')).map(([check, text]) => `${check}: ${String(text)}`) : []
  const state = !isProbe ? 'its probes on another port' : missing.length === 0 ? 'ready' : `not ready: ${missing.join(', ')}`
  return `${part ?? 'the port of its probes'}, ${state}`
}
