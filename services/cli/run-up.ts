/** All of a site on one port: a Gate, its nodes, and between them NATS or the machine itself; in one process, or in several. */
import { adminLink } from './operator/run-admin-link.js'
import { createMounts } from '../../shared/platform/http/mounts.js'
import { authWarnings, demoWarnings } from '../../shared/platform/identity/auth-warnings.js'
import { createLog, type Log } from '../../shared/platform/log.js'
import { readUpSettings } from '../../shared/platform/settings/config.js'
import { makeDataDir } from '../../shared/platform/settings/data-dir.js'
import { SettingsError } from '../../shared/platform/settings/fault.js'
import { redacted, secretsOf } from '../../shared/platform/settings/redacted.js'
import { keepSecret } from '../../shared/platform/settings/secret-file.js'
import type { UpSettings } from '../../shared/platform/settings/settings.js'
import { checkRoomToOpen } from '../../shared/store/disk-room.js'
import type { LmdbStore } from '../../shared/store/lmdb-store.js'
import { openMongodb, openNats } from './backends.js'
import type { Terminal } from './command.js'
import { omitUndefined } from './defined.js'
import { runService } from './run-service.js'
import { howMany } from './processes/how-many.js'
import type { OpenBus, StartOptions } from './site.js'
import { faultOfStart } from './start-faults.js'
import { version } from './version.js'

export async function runUp (argv: readonly string[], terminal: Terminal): Promise<number> {
  const read = readUpSettings(argv, terminal.surroundings)
  const settings = { ...read, ...howMany(read) }
  if (settings.mongodbUrl === undefined) refuseFullDisk(settings.dataDir)
  const secret = settings.secret ?? keepSecret(settings.dataDir)
  const keys = { secret, acceptSecrets: settings.acceptSecrets, auth: { ...settings.auth ?? { kind: 'secret', secret } as const, rules: settings.rules } }
  const isTerminal = terminal.isTerminal === true
  const log = createLog({ level: settings.logLevel ?? (isTerminal ? 'warn' : 'info'), secrets: secretsOf(keys) })
  return await runService({
    log,
    drainMs: settings.drainMs,
    hasEcho: terminal.surroundings.env.npm_lifecycle_event !== undefined,
    start: async lifecycle => {
      log.info({ event: 'starting', version, settings: redacted(settings) }, 'starting')
      for (const { event, text } of [...authWarnings(keys.auth), ...demoWarnings(settings.isDemo, keys.auth)]) log.warn({ event }, text)
      const url = settings.processes === 1
        ? await startAll({ settings, keys, log, lifecycle })
        : await (await import('./processes/start-processes.js')).startProcesses({ settings, keys, log, lifecycle, openEmbedded })
      const admin = `${url}/gate/admin`
      const demo = settings.isDemo ? `${url}/gate/demo` : undefined
      terminal.stderr(directions({ url, admin: isTerminal ? adminLink(url, secret, 'operator', sessionMs).url : admin, isTerminal, demo, settings }))
      return { url, admin, ...omitUndefined({ demo }) }
    }
  })
}

async function startAll ({ settings, keys, log, lifecycle }: StartOptions): Promise<string> {
  const { mongodbUrl, natsUrl, natsCreds } = settings
  const store = mongodbUrl === undefined ? await openEmbedded(settings, log) : await openMongodb(mongodbUrl, log)
  lifecycle.add({ name: 'store', close: async () => { await store.close() } })
  const openBus = natsUrl === undefined ? await inProcess() : await openNats(natsUrl, natsCreds, log)
  const nodes = Array.from({ length: settings.nodes }, (_, at) => at + 1)
  const site = await (await import('./site.js')).startSite({ settings, keys, log, lifecycle, store, openBus, mounts: createMounts(), nodes, metricsPort: settings.metricsPort })
  await site.ready()
  return site.url
}

/** Before anything is made in the folder. */
function refuseFullDisk (dataDir: string): void {
  try { checkRoomToOpen(dataDir) } catch (error) {
    const fault = faultOfStart(error)
    throw fault === undefined ? error as Error : new SettingsError([fault])
  }
}

async function openEmbedded ({ natsUrl, dataDir, diskReserveBytes }: UpSettings, log: Log): Promise<LmdbStore> {
  if (natsUrl !== undefined) {
    log.warn({ event: 'store-not-shared' }, 'GATEPOST_NATS_URL is set and GATEPOST_MONGODB_URL is not: nodes of other machines on this NATS do not see what this one stores')
  }
  makeDataDir(dataDir)
  const { openLmdbStore } = await import('../../shared/store/lmdb-store.js')
  return await openLmdbStore({ dir: dataDir, reserveBytes: diskReserveBytes, log })
}

async function inProcess (): Promise<OpenBus> {
  const { createInProcessBus } = await import('../dispatch/buses/in-process-bus.js')
  const hub = createInProcessBus()
  return (_role, name) => hub.connect(name)
}

/** How long the link of the start signs in. */
const sessionMs = 3_600_000

interface Directions { url: string, admin: string, isTerminal: boolean, demo: string | undefined, settings: UpSettings }

/** One page. The link that signs in is for a terminal only: elsewhere it would stay in somebody's log. */
function directions ({ url, admin, isTerminal, demo, settings: { publicUrl, mongodbUrl, dataDir } }: Directions): string {
  return [
    '',
    ...isTerminal ? [`  Gatepost ${version} runs at ${url}${publicUrl === undefined ? '' : `, for clients ${publicUrl}`}`, ''] : [],
    ...demo === undefined ? [] : [`  demo inbox   ${demo}`],
    `  admin page   ${admin}`,
    `               ${isTerminal ? 'it signs in once, within 15 minutes; the next link' : 'a link that signs in'}: npx gatepost admin-link`,
    ...isTerminal
      ? [
          ...mongodbUrl === undefined ? [`  data         ${dataDir}`] : [],
          '  commands     npx gatepost',
          '  read on      README.md, docs/README.md',
          '',
          '  Warnings follow, if any; GATEPOST_LOG_LEVEL=info shows more. Ctrl+C stops.'
        ]
      : [],
    '', ''
  ].join('\n')
}
