/** deploy/compose/compose.yaml as Docker Compose would read it: anchors merged, `${VARIABLES}` put in. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseEnv, promisify } from 'node:util'
import { parse } from 'yaml'

export interface ComposeService {
  readonly image: string
  readonly build?: { readonly context: string, readonly dockerfile: string }
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: ReadonlyArray<string | { readonly source: string, readonly target: string }>
  readonly networks?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, { condition: string }>>
  readonly stop_grace_period?: string
  readonly healthcheck?: { readonly test?: readonly string[], readonly disable?: boolean }
  readonly user?: string
  readonly security_opt?: readonly string[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly ulimits?: { readonly nofile: { readonly soft: number, readonly hard: number } }
  readonly deploy?: { readonly resources: { readonly limits: { readonly memory: string } } }
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly networks: Readonly<Record<string, { internal?: boolean }>>
  readonly volumes: Readonly<Record<string, unknown>>
}

export const deployFolder = fileURLToPath(new URL('../../deploy/', import.meta.url))
export const composeFolder = `${deployFolder}compose/`

/** Throws for a variable that must be given and is not. */
export function interpolate (text: string, variables: Readonly<Record<string, string | undefined>>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, operator: string | undefined, rest = '') => {
    const value = variables[name]
    if (value !== undefined && value !== '') return value
    if (operator === '-') return rest as string
    throw new Error(`${name}: ${operator === '?' ? rest as string : 'not set'}`)
  })
}

export function readCompose (variables: Readonly<Record<string, string | undefined>>): ComposeFile {
  const text = readFileSync(`${composeFolder}compose.yaml`, 'utf8').replace(/^\s*#.*$/gm, '')
  return parse(interpolate(text, variables), { merge: true }) as ComposeFile
}

/** `.env.example` filled in as it says. */
export function exampleVariables (secrets: Readonly<Record<string, string>> = {}): Record<string, string> {
  const given = Object.entries(parseEnv(readFileSync(`${composeFolder}.env.example`, 'utf8')))
  return Object.fromEntries(given.map(([name, value]) => [name, value !== undefined && value !== '' ? value : secrets[name] ?? 'standIn0123456789abcdefghijklmnopqrstuvwxyzABCDEF']))
}

const durationUnits: Readonly<Record<string, number>> = { s: 1, m: 60 }
export const secondsOf = (duration: string): number => Number.parseInt(duration, 10) * (durationUnits[duration.at(-1) ?? ''] ?? Number.NaN)

/** nginx's configuration without containers: names are addresses of this machine, files lie in `dir`. */
export function nginxOn (text: string, dir: string, addresses: Readonly<Record<string, string>> = {}, listen: Readonly<Record<string, string>> = {}): string {
  return text
    .replaceAll(' /tmp/', ` ${dir}/`)
    .replaceAll('/dev/stdout', `${dir}/access.log`)
    .replaceAll('/dev/stderr', `${dir}/error.log`)
    .replace(/server ([\w-]+:\d+) resolve/g, (_, name: string) => `server ${addresses[name] ?? '127.0.0.1:9'}`)
    .replace(/listen (\d+);/g, (_, port: string) => `listen ${listen[port] ?? `127.0.0.1:${port}`};`)
}

/** NATS's configuration for Compose and Kubernetes alike, with logins.conf beside it. */
export const natsFolder = `${deployFolder}kubernetes/nats/`

/** Its certificates are in `/etc/nats-tls`, in a container. */
export const natsConfOn = (tls: string): string => readFileSync(`${natsFolder}nats.conf`, 'utf8').replaceAll('/etc/nats-tls', tls).replace('include "logins.conf"', () => readFileSync(`${natsFolder}logins.conf`, 'utf8'))

const run = promisify(execFile)

/** Makes the certificates of deploy/ in a folder; undefined where there is no openssl. */
export async function makeCertificates (folder: string): Promise<string | undefined> {
  if (await findProgram('openssl', 'version') === undefined) return undefined
  return (await run('sh', [`${deployFolder}make-certificates.sh`, folder])).stdout
}

/** The path of a program of this name that runs here; undefined where there is none. */
export async function findProgram (name: string, ...args: string[]): Promise<string | undefined> {
  for (const path of [process.env[`GATEPOST_TEST_${name.toUpperCase()}`], name, `/usr/sbin/${name}`]) {
    if (path === undefined) continue
    try {
      await run(path, args)
      return path
    } catch { /* not there: the next place */ }
  }
  return undefined
}
