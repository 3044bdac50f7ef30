/** Settings of the commands that ask a running Gate, as they take them. */
import { resolve } from 'node:path'
import type { TObject } from 'typebox'
import { isUnspecified, plainAddress } from './addresses.js'
import { environmentNames } from './catalogue.js'
import { complete, frozen, rulesOf, type ReadCommand } from './config.js'
import type { Fault } from './fault.js'
import { adminLinkSchema, drainSchema, nodesSchema, sendSchema, tailSchema, userSchema } from './operator-catalogue.js'
import { readSettings, type Reading } from './read.js'
import type { TokenRules } from './settings.js'

export interface OperatorSettings {
  readonly gate: string
  readonly isJson: boolean
  /** Undefined: the one that `gatepost up` keeps in the data folder. */
  readonly secret: string | undefined
  readonly dataDir: string
}

interface OperatorValues { '--gate'?: string, '--json': boolean, GATEPOST_HOST: string, GATEPOST_PORT: number, GATEPOST_SECRET?: string, GATEPOST_DATA_DIR: string }

function operatorOf (values: OperatorValues, cwd: string): OperatorSettings {
  const host = isUnspecified(values.GATEPOST_HOST) ? '127.0.0.1' : values.GATEPOST_HOST
  return {
    gate: plainAddress(values['--gate'] ?? `http://${host.includes(':') ? `[${host}]` : host}:${values.GATEPOST_PORT}`),
    isJson: values['--json'],
    secret: values.GATEPOST_SECRET,
    dataDir: resolve(cwd, values.GATEPOST_DATA_DIR)
  }
}

/** One of them is there, or there is nothing to read. */
function contentOfSend ({ given }: Reading<TObject>): Fault[] {
  if (['--title', '--body', '--data'].some(name => given.has(name))) return []
  return [{ setting: '--title', origin: undefined, got: 'nothing, and neither --body nor --data', takes: 'one of the three at least' }]
}

export interface SendSettings extends OperatorSettings { readonly message: Record<string, unknown>, readonly key: string | undefined, readonly from: string }

export const readSendSettings: ReadCommand<SendSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(sendSchema, argv, surroundings, environmentNames), contentOfSend)
  const to = values['--to']
  const [kind = '', ...name] = to.split(':')
  const { '--title': title, '--body': body, '--data': data, '--category': category, '--url': url, '--ttl': ttlMs } = values
  const message = {
    to: to === 'all' ? { all: true } : { [kind]: name.join(':') },
    ...title !== undefined && { title },
    ...body !== undefined && { body },
    ...data !== undefined && { data: JSON.parse(data) as unknown },
    ...category !== undefined && { category },
    ...url !== undefined && { url },
    ...ttlMs !== undefined && { ttl: Math.ceil(ttlMs / 1000) },
    ...values['--volatile'] && { volatile: true }
  }
  return frozen({ ...operatorOf(values, surroundings.cwd), message, key: values['--key'], from: values['--from'] })
}

export const readNodesSettings: ReadCommand<OperatorSettings> = (argv, surroundings) =>
  frozen(operatorOf(complete(readSettings(nodesSchema, argv, surroundings, environmentNames)).values, surroundings.cwd))

export interface DrainSettings extends OperatorSettings { readonly node: string, readonly isUndo: boolean, readonly isWaiting: boolean }

export const readDrainSettings: ReadCommand<DrainSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(drainSchema, argv, surroundings, environmentNames))
  return frozen({ ...operatorOf(values, surroundings.cwd), node: values['--node'], isUndo: values['--undo'], isWaiting: values['--wait'] })
}

export interface UserSettings extends OperatorSettings { readonly user: string, readonly isDisconnect: boolean, readonly isRevoke: boolean }

export const readUserSettings: ReadCommand<UserSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(userSchema, argv, surroundings, environmentNames))
  return frozen({ ...operatorOf(values, surroundings.cwd), user: values['--sub'], isDisconnect: values['--disconnect'], isRevoke: values['--revoke'] })
}

export interface TailSettings extends OperatorSettings { readonly user: string, readonly groups: readonly string[], readonly topics: readonly string[], readonly rules: TokenRules }

export const readTailSettings: ReadCommand<TailSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(tailSchema, argv, surroundings, environmentNames))
  return frozen({ ...operatorOf(values, surroundings.cwd), user: values['--sub'], groups: values['--groups'] ?? [], topics: values['--topics'] ?? [], rules: rulesOf(values) })
}

export interface AdminLinkSettings extends OperatorSettings { readonly sub: string, readonly ttlMs: number }

export const readAdminLinkSettings: ReadCommand<AdminLinkSettings> = (argv, surroundings) => {
  const { values } = complete(readSettings(adminLinkSchema, argv, surroundings, environmentNames))
  return frozen({ ...operatorOf(values, surroundings.cwd), sub: values['--sub'], ttlMs: values['--ttl'] })
}
