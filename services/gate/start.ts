import { setTimeout as pause } from 'node:timers/promises'
import { createClock, type Clock } from '../../shared/contract/clock.js'
import type { Connections } from '../../shared/platform/http/connections.js'
import { createOrigins } from '../../shared/platform/http/origins.js'
import { addressOf, listenOn } from '../../shared/platform/http/listen.js'
import { createTokenVerifier } from '../../shared/platform/identity/verify.js'
import type { Log } from '../../shared/platform/log.js'
import { createMetrics, type Metrics } from '../../shared/platform/metrics.js'
import type { AuthSettings } from '../../shared/platform/settings/settings.js'
import type { Bus } from '../dispatch/buses/bus.js'
import { createDispatch, type DispatchOptions } from '../dispatch/create-dispatch.js'
import { createGateApp, type GateAppOptions } from './app.js'
import { followRevocations } from './follow-revocations.js'
import { createMemberRings } from './member-rings.js'
import { createForOwnPages } from './own-pages.js'
import { describeGate } from './watch/describe-gate.js'
import { watchCluster } from './watch/watch.js'

export type { Fellows } from './app.js'
export type { OwnNodes } from './routes/own-nodes.js'

export interface GateOptions {
  readonly settings: {
    readonly host: string
    readonly port: number
    /** Undefined: probes and metrics are served on `port`. */
    readonly metricsPort?: number | undefined
    /** As GATEPOST_ORIGINS has them; all where it is missing. */
    readonly origins?: readonly string[] | undefined
    readonly secret: string
    readonly acceptSecrets?: readonly string[] | undefined
    readonly busUnsigned?: DispatchOptions['unsigned']
    readonly auth: AuthSettings
    readonly isDemo: boolean
    /** Under which address browsers reach it, where that is set. */
    readonly publicUrl?: string | undefined
    readonly rateProducerPerMinute?: number
    readonly version: string
  }
  /** Stays open when Gate is closed. */
  readonly bus: Bus
  readonly natsPrefix: string
  readonly log: Log
  readonly metrics?: Metrics
  readonly connections?: Connections
  readonly clock?: Clock
  readonly intervals?: NonNullable<DispatchOptions['intervals']>
  readonly alsoNeeds?: GateAppOptions['alsoNeeds']
  /** Nodes of this process, which are reached by Gate's port. */
  readonly ownNodes?: GateAppOptions['ownNodes']
  /** Where several processes of a machine have a Gate each, on one port. */
  readonly fellows?: GateAppOptions['fellows']
  /** Others serve on its port meanwhile: it takes no connection before it is ready. */
  readonly isLate?: boolean
}

export interface Gate {
  readonly url: string
  /** Idempotent: lets open requests finish, then ends. */
  close: () => Promise<void>
}

export interface OpenGate extends Gate {
  /** Resolves when it knows the members, and who is revoked, or is closed; without a node there is nothing to know. */
  readonly ready: () => Promise<void>
}

const settlePollMs = 20

/** Listens, so that `/readyz` can say what is missing. */
export async function openGate ({ settings, bus, natsPrefix, log, metrics: givenMetrics, connections, clock = createClock(), intervals, alsoNeeds, ownNodes, fellows, isLate = false }: GateOptions): Promise<OpenGate> {
  const { host, port, metricsPort, origins, secret, acceptSecrets, auth, isDemo, rateProducerPerMinute, version, busUnsigned } = settings
  const tokens = createTokenVerifier({ secret, acceptSecrets, auth, now: clock.now, elapsed: clock.elapsed, log })
  const demo = isDemo && auth.kind === 'secret' ? { secret: auth.secret, rules: auth.rules, forOwnPages: createForOwnPages(host, settings.publicUrl) } : undefined
  const metrics = givenMetrics ?? createMetrics()
  const dispatch = createDispatch({ bus, prefix: natsPrefix, secret, acceptedSecrets: acceptSecrets, unsigned: busUnsigned, clock, log, ...intervals !== undefined && { intervals } })
  const rings = createMemberRings(dispatch)
  const revocations = followRevocations({ dispatch, log })
  const self = describeGate({ version, clock, metrics })
  const watch = watchCluster({ dispatch, rings, clock, own: self.announce })
  const { app, operations } = await createGateApp({ ownPort: { host, metricsPort }, version, origins: createOrigins(origins ?? ['*']), secret, acceptSecrets: acceptSecrets ?? [], demo, rateProducerPerMinute, tokens, revocations, dispatch, rings, watch, clock, log, metrics, connections, alsoNeeds, ownNodes, fellows })
  ownNodes?.mounts.attach(app.server)

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await app.close()
    await operations.close()
    watch.close()
    self.close()
    revocations.close()
    await dispatch.close()
    tokens.close()
    metrics.close()
  }
  const listen = async (): Promise<string> => {
    const url = await listenOn(app, { host, port })
    self.listensAt(url)
    await operations.start()
    log.info({ event: 'gate-listens', url }, 'Gate listens')
    return url
  }
  const gate: OpenGate = {
    url: addressOf(host, port),
    ready: async () => {
      const isReady = (): boolean => dispatch.hasConverged && (ownNodes === undefined || rings().up.size > 0) && revocations.missing === undefined
      while (!isReady() && closing === undefined) await pause(settlePollMs)
      if (isLate && closing === undefined) await listen()
    },
    close: async () => await (closing ??= close())
  }
  try {
    await app.ready()
    return isLate ? gate : { ...gate, url: await listen() }
  } catch (error) {
    await gate.close()
    throw error
  }
}

/** The same, and ready. */
export async function startGate (options: GateOptions): Promise<Gate> {
  const gate = await openGate(options)
  await gate.ready()
  return gate
}
