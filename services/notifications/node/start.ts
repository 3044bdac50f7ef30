/**
 * One Notifications node, composed: the core, its REST and socket sides, its place among the others.
 *
 *   create → listen → join → serve
 *
 * Everything is made before it listens, since clients may come at once; it joins the members once its address is known.
 */
import { randomBytes } from 'node:crypto'
import { Type } from 'typebox'
import { createClock } from '../../../shared/contract/clock.js'
import { answerNodeRequests } from '../../../shared/contract/node-rpc.js'
import type { Connections } from '../../../shared/platform/http/connections.js'
import { createApp } from '../../../shared/platform/http/create-app.js'
import { createOrigins } from '../../../shared/platform/http/origins.js'
import { listenOn } from '../../../shared/platform/http/listen.js'
import { prepareOperations } from '../../../shared/platform/http/operations.js'
import type { Log } from '../../../shared/platform/log.js'
import { createMetrics, type Metrics } from '../../../shared/platform/metrics.js'
import type { NodeId, StreamId } from '../../../shared/contract/names.js'
import type { AuthSettings, UserLimits } from '../../../shared/platform/settings/settings.js'
import { storeCheck, type Store } from '../../../shared/store/store.js'
import { createValidator } from '../../../shared/contract/validate.js'
import type { Bus } from '../../dispatch/buses/bus.js'
import { createDispatch, type DispatchIntervals, type DispatchOptions } from '../../dispatch/create-dispatch.js'
import { watchClock } from './clock-watch.js'
import { createSocketServer } from './socket-server.js'
import { createGapRepair } from './gap-repair.js'
import { createNodeCore } from './node.js'
import { createOutageLog } from './outage-log.js'
import { createNodeRequests } from './rpc-handlers.js'
import { createAppendObserver, observeNode } from './metrics.js'
import { createOwnRing } from './own-ring.js'
import { createRebalancer } from './rebalancer.js'
import { createPurgeLag, purgeCheck } from './purge-lag.js'
import { socketsKind, type Holdings } from './socket-places.js'
import { createRateMeter } from './rate-meter.js'
import { serveMessages } from './routes/messages.js'
import type { AppendRules } from '../log/appender.js'
import { forwardKind, type ForwardedEntries } from './forwarder.js'
import { budgetKind, type BudgetRequest } from '../mailbox/user-budget.js'

export interface NodeOptions {
  readonly settings: {
    readonly host: string
    readonly port: number
    /** Undefined: probes and metrics are served on `port`. */
    readonly metricsPort?: number | undefined
    readonly publicUrl?: string | undefined
    readonly nodeId?: string | undefined
    readonly nodeWeight: number
    /** As GATEPOST_ORIGINS has them; all where it is missing. */
    readonly origins?: readonly string[] | undefined
    readonly secret: string
    readonly acceptSecrets?: readonly string[] | undefined
    readonly busUnsigned?: DispatchOptions['unsigned']
    readonly auth: AuthSettings
    readonly retentionMs: number
    readonly drainMs: number
    /** What is not given: no rate, and the defaults of the settings. */
    readonly userLimits?: Partial<UserLimits> | undefined
    readonly version: string
  }
  readonly store: Store
  readonly bus: Bus
  readonly natsPrefix: string
  readonly log: Log
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
  /** Where its probes are. */
  readonly probeUrl: string
  readonly drain: () => Promise<void>
  readonly close: () => Promise<void>
}

const bodyLimitBytes = 1 << 20
const sweepTokensMs = 500

export async function startNode ({ settings, store, bus, natsPrefix, log: parent, metrics: given, connections, now, rules, intervals, lookRoundMs }: NodeOptions): Promise<RunningNode> {
  const id = (settings.nodeId ?? `node-${randomBytes(4).toString('hex')}`) as NodeId
  const { secret, acceptSecrets, auth, retentionMs } = settings
  const userLimits = { perMinute: undefined, maxReceivers: 50, maxTtlMs: retentionMs, maxSockets: 50, ...settings.userLimits }
  const log = parent.child({ node: id })
  const metrics = given ?? createMetrics()
  const clock = createClock(now)
  const clockWatch = watchClock({ store, now: clock.now, log, onMeasured: ms => { clock.heardOf(store.purgesByMs?.() ?? ms) } })
  const purgeLagMs = createPurgeLag(store, clock)

  const dispatch = createDispatch({ bus, prefix: natsPrefix, secret, acceptedSecrets: acceptSecrets, unsigned: settings.busUnsigned, clock, log, ...intervals !== undefined && { intervals }, self: { id, startedAt: clock.now() } })
  const ring = createOwnRing(dispatch)
  const outageLog = createOutageLog({ nodeId: id, dispatch, store, clock, log })
  const core = createNodeCore({
    nodeId: id, store, dispatch, clock, log, secret, acceptSecrets, auth, hasNoFormer: settings.busUnsigned === 'refuse', retentionMs, userLimits, eventLoopLagMs: () => metrics.eventLoopLagMs, observeAppend: createAppendObserver(metrics), ownerOf: ring.ownerOf, beforeStoring: outageLog.beforeStoring, rules
  })
  const { users, hub, reconciler, retryStoreWork } = core
  const rebalancer = createRebalancer({ nodeId: id, dispatch, ring, users, clock, log, drainMs: settings.drainMs })
  const gapRepair = createGapRepair({ nodeId: id, dispatch, hub, reconciler, users, retryStoreWork, ring, outageLog, log, roundMs: lookRoundMs })
  const rate = createRateMeter(core.messageCount)

  let isClosing = false
  const isDraining = (): boolean => rebalancer.state === 'draining' || isClosing
  let wasPrepared = false
  const isPrepared = (): boolean => (wasPrepared ||= store.status().reachable)

  // What other processes ask it. From a node of the same cluster and the same package: the shape of all but the last is believed.
  answerNodeRequests(dispatch, createNodeRequests({ core, rebalancer, log }))
  dispatch.answer(forwardKind, async body => await core.forwarder.serve(body as ForwardedEntries))
  dispatch.answer(budgetKind, async body => core.budget.serve(body as BudgetRequest))
  dispatch.answer(socketsKind, async (body, from) => core.places.serve(body as Holdings, from))
  const validateLookAt = createValidator(Type.Object({ streams: Type.Array(Type.String()) }))
  dispatch.answer('look-at', async body => { await gapRepair.lookAt(validateLookAt(body).streams as StreamId[]); return {} })

  // What clients and operators ask it.
  const origins = createOrigins(settings.origins ?? ['*'])
  const app = await createApp({ log, metrics, bodyLimitBytes, connections, origins })
  const operations = await prepareOperations(app, {
    api: {
      title: 'Gatepost node',
      version: settings.version,
      description: 'Mail of the user whose ticket is sent. Ask Gate for the node and the ticket: GET /gate/assign.',
      jsonPath: '/openapi.json',
      uiPath: '/docs',
      bearer: 'The ticket that Gate gave with the assignment.'
    },
    host: settings.host,
    metricsPort: settings.metricsPort,
    metrics,
    log,
    connections,
    checks: () => ({
      store: storeCheck(store.status()),
      dispatch: dispatch.isConnected || 'no link',
      members: dispatch.hasConverged || 'waiting for a round of heartbeats',
      revocations: core.revocations.isKnown || 'not read yet',
      clock: clockWatch.isOff() ? `${Math.round(clockWatch.offsetMs() / 1000)} s off the store's` : purgeCheck(purgeLagMs()),
      serving: rebalancer.state === 'draining' ? 'draining' : isClosing ? 'closing' : true
    })
  })
  serveMessages(app, core)
  const sockets = createSocketServer({ core, isDraining, httpServer: app.server, origins, log })
  observeNode(metrics, { core, gapRepair, store, dispatch, clock, clockWatch, purgeLagMs, isDraining })

  // A user's token ends and the user's socket with it.
  const tokenSweep = setInterval(() => {
    const at = core.expiryNow()
    for (const connection of users.connections()) if (connection.expiresAt <= at) connection.socket.disconnect(true)
  }, sweepTokensMs)
  tokenSweep.unref()

  async function end (): Promise<void> {
    isClosing = true
    clearInterval(tokenSweep)
    rate.close()
    clockWatch.close()
    gapRepair.close()
    rebalancer.close()
    ring.close()
    sockets.close()
    await app.close()
    await operations.close()
    await core.close()
    await dispatch.close()
    if (given === undefined) metrics.close()
  }
  let ended: Promise<void> | undefined
  const close = async (): Promise<void> => { await (ended ??= end()) }

  try {
    const url = await listenOn(app, settings)
    const probeUrl = await operations.start() ?? url
    dispatch.join({
      url: settings.publicUrl ?? url,
      weight: settings.nodeWeight,
      version: settings.version,
      revocations: () => core.revocations.seq,
      // One whose clock is wrong takes nobody new either, nor one whose store has yet to be prepared.
      state: () => isDraining() || clockWatch.isOff() || !isPrepared() ? 'draining' : 'up',
      isClockOff: () => clockWatch.isOff() && !isDraining() && isPrepared(),
      load: () => ({
        sockets: users.connectionCount,
        users: users.users,
        messagesPerSecond: rate.perSecond(),
        eventLoopLagMs: Math.round(metrics.eventLoopLagMs * 100) / 100,
        rssBytes: metrics.rssBytes(),
        store: store.status().kind + (store.status().reachable ? store.status().refusesWrites === undefined ? '' : ' (full)' : ' (unreachable)'),
        dispatch: bus.kind + (bus.isConnected ? '' : ' (no link)')
      })
    })
    await core.revocations.looked
    log.info({ event: 'node', url, publicUrl: settings.publicUrl }, 'node started')
    return { id, url, probeUrl, drain: rebalancer.drain, close }
  } catch (error) {
    await close()
    throw error
  }
}
