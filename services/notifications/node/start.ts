/**
 * One Notifications node, composed: its parts (node.ts), its REST and socket sides, its place among the others.
 *
 *   create → listen → join → serve
 *
 * Everything is made before it listens, since clients may come at once; it joins the members once its address is known.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createClock } from '../../../shared/contract/clock.js'
import type { Connections } from '../../../shared/platform/http/connections.js'
import { createApp } from '../../../shared/platform/http/create-app.js'
import { createOrigins } from '../../../shared/platform/http/origins.js'
import { openDoor, type Door, type DoorOptions } from './door.js'
import { prepareOperations } from '../../../shared/platform/http/operations.js'
import { isReady, type Check } from '../../../shared/platform/http/probes.js'
import type { Log } from '../../../shared/platform/log.js'
import { createMetrics, type Metrics } from '../../../shared/platform/metrics.js'
import { processId } from '../../../shared/platform/process-id.js'
import { createRateMeter, type RateMeter } from '../../../shared/platform/rate-meter.js'
import type { NodeId } from '../../../shared/contract/names.js'
import type { AuthSettings, UserLimits } from '../../../shared/platform/settings/settings.js'
import { storeCheck, type Store } from '../../../shared/store/store.js'
import type { Bus } from '../../dispatch/buses/bus.js'
import { createDispatch, type DispatchIntervals, type DispatchOptions } from '../../dispatch/create-dispatch.js'
import { watchClock } from './clock-watch.js'
import { createSocketServer } from './socket-server.js'
import { createGapRepair } from './gap-repair.js'
import { createNode, expiryTime } from './node.js'
import { createOutageLog } from './outage-log.js'
import { answerRequests } from './rpc-handlers.js'
import { createAppendObserver, observeNode } from './metrics.js'
import { createOwnRing } from './own-ring.js'
import { createRebalancer } from './rebalancer.js'
import { createPurgeLag, purgeCheck } from './purge-lag.js'
import { serveMessages } from './routes/messages.js'
import type { NodeLoad } from '../../dispatch/dispatch.js'
import type { ConnectedUsers } from '../realtime/connected-users.js'
import type { AppendRules } from '../log/appender.js'

export interface NodeOptions {
  readonly settings: {
    readonly host: string
    /** Of no account where `mountAt` is given. */
    readonly port: number
    /** Undefined: probes and metrics are served where the node is. */
    readonly metricsPort?: number | undefined
    /** May have a path. Undefined: where the node listens, or is mounted. */
    readonly publicUrl?: string | undefined
    readonly nodeId?: string | undefined
    readonly nodeWeight: number
    /** As GATEPOST_ORIGINS has them; all where it is missing. */
    readonly origins?: readonly string[] | undefined
    readonly secret: string
    readonly acceptSecrets?: readonly string[] | undefined
    readonly busUnsigned?: DispatchOptions['unsigned']
    readonly dispatchMode?: DispatchOptions['mode']
    readonly auth: AuthSettings
    readonly retentionMs: number
    /** Its part of GATEPOST_CACHE_MB, in bytes; the whole default where it is missing. */
    readonly cacheBytes?: number | undefined
    readonly drainMs: number
    /** What is not given: no rate, and the defaults of the settings. */
    readonly userLimits?: Partial<UserLimits> | undefined
    readonly version: string
  }
  readonly store: Store
  readonly bus: Bus
  readonly natsPrefix: string
  readonly log: Log
  /** A port that it shares with others, instead of one of its own. */
  readonly mountAt?: DoorOptions['mountAt']
  readonly metrics?: Metrics | undefined
  readonly connections?: Connections | undefined
  readonly now?: () => number
  readonly rules?: AppendRules | undefined
  readonly intervals?: Partial<DispatchIntervals> | undefined
  /** How long it takes to look at every local stream once; a minute by default. */
  readonly lookRoundMs?: number | undefined
}

export interface RunningNode {
  readonly id: NodeId
  readonly url: string
  /** Resolves once nothing is missing, as `/readyz` says; it may be waiting for its backends until then. */
  readonly ready: () => Promise<void>
  readonly drain: () => Promise<void>
  readonly close: () => Promise<void>
}

const bodyLimitBytes = 1 << 20
const elsewhere = (path: string): string | undefined => path.startsWith('/gate/') ? "it is Gate's" : undefined
const sweepTokensMs = 500
const readyPollMs = 20

type PartsOptions = Pick<NodeOptions, 'settings' | 'store' | 'bus' | 'natsPrefix' | 'now' | 'rules' | 'intervals' | 'lookRoundMs'> & { readonly id: NodeId, readonly log: Log, readonly metrics: Metrics }

/** Everything but its doors. Nothing of it is reached from outside before it joins the members. */
function createParts ({ id, settings, store, bus, natsPrefix, log, metrics, now, rules, intervals, lookRoundMs }: PartsOptions) {
  const { secret, acceptSecrets, auth, retentionMs, cacheBytes } = settings
  const userLimits = { perMinute: undefined, maxReceivers: 50, maxTtlMs: retentionMs, maxSockets: 50, ...settings.userLimits }
  const clock = createClock(now)
  const clockWatch = watchClock({ store, now: clock.now, log, onMeasured: ms => { clock.heardOf(store.purgesByMs?.() ?? ms) } })
  const dispatch = createDispatch({ bus, prefix: natsPrefix, secret, acceptedSecrets: acceptSecrets, unsigned: settings.busUnsigned, mode: settings.dispatchMode, clock, log, ...intervals !== undefined && { intervals }, self: { id, startedAt: clock.now() } })
  const ring = createOwnRing(dispatch)
  const outageLog = createOutageLog({ nodeId: id, dispatch, store, clock, log })
  const node = createNode({
    nodeId: id, store, dispatch, clock, log, secret, acceptSecrets, auth, hasNoFormer: settings.busUnsigned === 'refuse', retentionMs, cacheBytes, userLimits, eventLoopLagMs: () => metrics.eventLoopLagMs, observeAppend: createAppendObserver(metrics), ownerOf: ring.ownerOf, appenderOf: ring.appenderOf, beforeStoring: outageLog.beforeStoring, rules
  })
  const { users, hub, reconciler, retryStoreWork } = node.realtime
  const rebalancer = createRebalancer({ nodeId: id, dispatch, ring, users, clock, log, drainMs: settings.drainMs })
  const gapRepair = createGapRepair({ nodeId: id, dispatch, hub, reconciler, users, retryStoreWork, ring, outageLog, log, roundMs: lookRoundMs })
  const rate = createRateMeter(node.posting.count)
  const refusalRate = createRateMeter(metrics.refusals)
  const stopEndingSockets = endSocketsWithTokens(users, expiryTime(store, clock))
  answerRequests(dispatch, { node, rebalancer, gapRepair, log })
  return {
    clock, clockWatch, purgeLagMs: createPurgeLag(store, clock), dispatch, node, users, rebalancer, gapRepair, rate, refusalRate,
    stopTimers: () => {
      stopEndingSockets()
      rate.close()
      refusalRate.close()
      clockWatch.close()
      gapRepair.close()
      rebalancer.close()
      ring.close()
    }
  }
}

export async function startNode ({ metrics: given, log: parent, connections, mountAt, ...options }: NodeOptions): Promise<RunningNode> {
  const { settings, store, bus } = options
  const id = (settings.nodeId ?? `node-${randomBytes(4).toString('hex')}`) as NodeId
  const log = parent.child({ node: id })
  const metrics = given ?? createMetrics()
  const { clock, clockWatch, purgeLagMs, dispatch, node, users, rebalancer, gapRepair, rate, refusalRate, stopTimers } = createParts({ ...options, id, log, metrics })

  let isClosing = false
  const isDraining = (): boolean => rebalancer.state === 'draining' || isClosing
  const isPrepared = (): boolean => node.entrance.revocations.seq !== null

  const checks = (): Record<string, Check> => ({
    store: storeCheck(store.status()),
    dispatch: dispatch.isConnected || 'no link',
    members: dispatch.hasConverged || 'waiting for a round of heartbeats',
    revocations: isPrepared() || 'not read yet',
    clock: clockWatch.isOff() ? `${Math.round(clockWatch.offsetMs() / 1000)} s off the store's` : purgeCheck(purgeLagMs()),
    serving: rebalancer.state === 'draining' ? 'draining' : isClosing ? 'closing' : true
  })

  // What clients and operators ask it.
  const origins = createOrigins(settings.origins ?? ['*'])
  let door: Door | undefined
  const app = await createApp({ log, metrics, bodyLimitBytes, connections, origins, elsewhere })
  const operations = prepareOperations(app, {
    api: { ...api, version: settings.version, server: { description: 'The node that `GET /gate/assign` answers: each user has one.', url: () => door?.publicUrl } },
    host: settings.host,
    metricsPort: settings.metricsPort,
    metrics,
    log,
    connections,
    checks
  })
  serveMessages(app, node)
  const sockets = createSocketServer({ node, isDraining, httpServer: app.server, origins, log, onRefusal: metrics.countRefusal })
  observeNode(metrics, { node, gapRepair, store, dispatch, clock, clockWatch, purgeLagMs, isDraining })

  async function end (): Promise<void> {
    isClosing = true
    stopTimers()
    sockets.close()
    await door?.close()
    await app.close()
    await operations.close()
    await node.close()
    await dispatch.close()
    if (given === undefined) metrics.close()
  }
  let ended: Promise<void> | undefined
  const close = async (): Promise<void> => { await (ended ??= end()) }

  try {
    const { url, publicUrl } = door = await openDoor({ id, app, webSocketPath: sockets.path, mountAt, ...settings })
    await operations.start()
    await node.entrance.revocations.looked
    dispatch.join({
      url: publicUrl,
      weight: settings.nodeWeight,
      version: settings.version,
      revocations: () => node.entrance.revocations.seq,
      // A node whose clock is wrong takes no new users either, nor does one that has yet to read who is revoked.
      state: () => isDraining() || clockWatch.isOff() || !isPrepared() ? 'draining' : 'up',
      isClockOff: () => clockWatch.isOff() && !isDraining() && isPrepared(),
      load: () => loadOf({ users, rate, refusalRate, metrics, store, bus, dispatchMode: settings.dispatchMode })
    })
    log.info({ event: 'node', url, ...publicUrl !== url && { publicUrl } }, 'node started')
    const ready = async (): Promise<void> => { while (!isReady(checks()) && !isClosing) await pause(readyPollMs) }
    return { id, url, ready, drain: rebalancer.drain, close }
  } catch (error) {
    await close()
    throw error
  }
}

const api = {
  title: 'Gatepost node',
  description: "Mail of the user whose ticket is sent. Ask Gate for the node and the ticket: `GET /gate/assign`, in Gate's own document (`/gate/openapi.json` and the page `/gate/docs` there).",
  jsonPath: '/openapi.json',
  uiPath: '/docs',
  bearer: 'The ticket that Gate gave with the assignment.'
}

/** A socket ends when its user's token does. Returns what stops that. */
function endSocketsWithTokens (users: ConnectedUsers, expiryNow: () => number): () => void {
  const sweep = setInterval(() => {
    const at = expiryNow()
    for (const connection of users.connections()) if (connection.token.expiresAt <= at) connection.end()
  }, sweepTokensMs)
  sweep.unref()
  return () => { clearInterval(sweep) }
}

interface LoadSources { readonly users: ConnectedUsers, readonly rate: RateMeter, readonly refusalRate: RateMeter, readonly metrics: Metrics, readonly store: Store, readonly bus: Bus, readonly dispatchMode: DispatchOptions['mode'] }

/** What its heartbeats say of its load. */
function loadOf ({ users, rate, refusalRate, metrics, store, bus, dispatchMode }: LoadSources): NodeLoad {
  const { kind, reachable, refusesWrites } = store.status()
  return {
    sockets: users.connectionCount,
    users: users.users,
    messagesPerSecond: rate.perSecond(),
    eventLoopLagMs: Math.round(metrics.eventLoopLagMs * 100) / 100,
    rssBytes: metrics.rssBytes(),
    store: kind + (reachable ? refusesWrites === undefined ? '' : ' (full)' : ' (unreachable)'),
    dispatch: bus.kind + (dispatchMode === 'interest' ? ' by interest' : '') + (bus.isConnected ? '' : ' (no link)'),
    process: processId,
    refusalsPerSecond: refusalRate.perSecond()
  }
}
