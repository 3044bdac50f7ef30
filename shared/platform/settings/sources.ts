/** Where settings come from: flags before the environment before `.env`. The only reader of process.env. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { shown } from '../../contract/errors.js'
import { type Fault, type Origin } from './fault.js'
import { fileForms, readFiles } from './file-forms.js'
import type { Given } from './given.js'
import { nearest } from './nearest.js'
import { flagOf, infoOf, isFlagOnly, type SettingsSchema } from './setting.js'

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where `.env` is looked for, and what relative paths start from. */
  readonly cwd: string
}

export const surroundingsOfProcess = (): Surroundings => ({ env: process.env, cwd: process.cwd() })

export interface Sources {
  readonly given: ReadonlyMap<string, Given>
  readonly faults: readonly Fault[]
}

const settingPattern = /^GATEPOST_(?!TEST_)/
/** What Kubernetes puts into each pod for a Service whose name begins with `gatepost`: `GATEPOST_GATE_SERVICE_HOST`, `GATEPOST_PORT_8080_TCP_ADDR`. */
const serviceLinkPattern = /^GATEPOST_(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/
/** And one that may have the name of a setting: `GATEPOST_PORT=tcp://10.96.0.10:8080`. */
const isServiceLink = (name: string, text: string): boolean => serviceLinkPattern.test(name) || (name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(text))
const yesNoPattern = /^(?:true|false|yes|no|on|off|1|0)$/i

/** `knownNames`: every GATEPOST_ setting of any command; one that this command does not take is no fault in the environment. */
export function gatherSources (schema: SettingsSchema, argv: readonly string[], { env, cwd }: Surroundings, knownNames: readonly string[]): Sources {
  const given = new Map<string, Given>()
  const faults: Fault[] = []

  const forms = fileForms(schema)
  const file = readEnvFile(cwd, faults)
  for (const name of new Set([...Object.keys(env), ...Object.keys(file)])) {
    if (!settingPattern.test(name)) continue
    const origin = env[name] === undefined ? '.env' : 'environment'
    const text = env[name] ?? file[name]
    if (text === undefined || (origin === 'environment' && isServiceLink(name, text))) continue
    if (Object.hasOwn(schema, name) || forms.has(name)) given.set(name, { text, origin })
    else if (!knownNames.includes(name)) faults.push(unknownName(name, origin, knownNames, 'a setting that is listed by --help'))
  }
  readFlags(schema, forms, argv, given, faults)
  readFiles(given, forms, cwd, faults)
  return { given, faults }
}

function readEnvFile (cwd: string, faults: Fault[]): Record<string, string | undefined> {
  let content: string
  try {
    content = readFileSync(join(cwd, '.env'), 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') faults.push({ setting: '.env', origin: undefined, got: `a file that cannot be read (${code ?? 'unknown'})`, takes: 'lines of the form GATEPOST_NAME=value' })
    return {}
  }
  // A byte order mark would become part of the first name.
  return parseEnv(content.replace(/^\uFEFF/, ''))
}

function unknownName (name: string, origin: Origin, known: readonly string[], takes: string): Fault {
  const meant = nearest(name, known)
  return { setting: name, origin, got: 'a name that is unknown', takes: meant === undefined ? takes : `${takes} (${meant}?)` }
}

function readFlags (schema: SettingsSchema, forms: ReadonlyMap<string, string>, argv: readonly string[], given: Map<string, Given>, faults: Fault[]): void {
  const nameByFlag = new Map([...Object.keys(schema), ...forms.keys()].map(name => [flagOf(name), name]))
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (!word.startsWith('--') || word === '--') {
      faults.push({ setting: shown(word), origin: undefined, got: 'a word that is no flag', takes: 'flags of the form --name value or --name=value' })
      continue
    }
    const equals = word.indexOf('=')
    const flag = equals === -1 ? word : word.slice(0, equals)
    const name = nameByFlag.get(flag)
    if (name === undefined) {
      faults.push(unknownName(flag, 'flag', [...nameByFlag.keys()], 'a flag that is listed by --help'))
      // Its value, if it has one, is no fault of its own.
      if (equals === -1 && isValue(argv[i + 1])) i++
      continue
    }
    const info = infoOf(schema[forms.get(name) ?? name] as object)
    const next = argv[i + 1]
    if (equals !== -1) given.set(name, { text: word.slice(equals + 1), origin: 'flag' })
    else if (info.readAs === 'yes-no' && !(next !== undefined && yesNoPattern.test(next))) given.set(name, { text: 'true', origin: 'flag' })
    else if (isValue(next)) {
      given.set(name, { text: next, origin: 'flag' })
      i++
    } else faults.push({ setting: isFlagOnly(name) ? flag : name, origin: 'flag', got: 'nothing', takes: forms.has(name) ? 'the path of a file' : info.takes })
  }
}

const isValue = (word: string | undefined): word is string => word !== undefined && !word.startsWith('--')
