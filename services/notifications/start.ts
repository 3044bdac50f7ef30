/** One Notifications node, composed: the core, its REST and socket sides, its place among the others. */
import { randomBytes } from 'node:crypto'
import { Type } from 'typebox'
import { createClock } from '../../shared/clock.js'
import { answerNodeRequests } from '../../shared/contract/node-requests.js'
import type { Connections } from '../../shared/http/connections.js'
import { createApp } from '../../shared/http/create-app.js'
import { createOrigins } from '../../shared/http/origins.js'
import { listenOn } from '../../shared/http/listen.js'
import { prepareOperations } from '../../shared/http/operations.js'
import type { Log } from '../../shared/log.js'
import { createMetrics, type Metrics } from '../../shared/metrics.js'
import type { NodeId, StreamId } from '../../shared/names.js'
import type { AuthSettings, UserLimits } from '../../shared/settings/settings.js'
import { storeCheck, type Store } from '../../shared/store/store.js'
import { createValidator } from '../../shared/validate.js'
import type { Bus } from '../dispatch/bus.js'
import { createDispatch, type DispatchIntervals, type DispatchOptions } from '../dispatch/create-dispatch.js'
import type { Dispatch } from '../dispatch/dispatch.js'
import { watchClock } from './clock-watch.js'
import { createSocketServer } from './delivery/socket-server.js'
import { createLookout } from './lookout.js'
import { createNodeCore, type NodeCore } from './node-core.js'
import { createNodeLog } from './node-log.js'
import { createNodeRequests } from './node-requests.js'
import { createAppendObserver, observeNode } from './node-metrics.js'
import { createPlacement, type Placement } from './placement.js'
import { serveMessages } from './routes/messages.js'
import type { AppendRules } from './stream/appender.js'
import { handOverKind, type HandedEntries } from './stream/hand-over.js'
import { budgetKind, type BudgetRequest } from './user-budget.js'

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
const hourMs = 3_600_000

export async function startNode ({ settings, store, bus, natsPrefix, log: parent, metrics: given, connections, now, rules, intervals, lookRoundMs }: NodeOptions): Promise<RunningNode> {
  const id = (settings.nodeId ?? `node-${randomBytes(4).toString('hex')}`) as NodeId
  const log = parent.child({ node: id })
  const metrics = given ?? createMetrics()
  const clock = createClock(now)
  /** What is made once the address is known; what asks for it earlier goes without. */
  const made: { dispatch?: Dispatch, core?: NodeCore, placement?: Placement } = {}
  let isClosing = false

  const origins = createOrigins(settings.origins ?? ['*'])
  const app = await createApp({ log, metrics, bodyLimitBytes, connections, origins })
  const clockWatch = watchClock({ store, now: clock.now, log, onMeasured: ms => { clock.heardOf(store.purgesByMs?.() ?? ms) } })
  /** How far the clock is ahead of the time by which an embedded store deletes; 0 within an hour. */
  const purgeLagMs = (): number => {
    const lagMs = store.purgesByMs === undefined ? 0 : clock.now() - store.purgesByMs()
    return Math.abs(lagMs) < hourMs ? 0 : lagMs
  }
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
      dispatch: made.dispatch === undefined ? 'starting' : made.dispatch.isConnected || 'no link',
      members: made.dispatch?.hasSettled === true || 'waiting for a round of heartbeats',
      revocations: made.core?.revocations.isKnown === true || 'not read yet',
      clock: clockWatch.isOff() ? `${Math.round(clockWatch.offsetMs() / 1000)} s off the store's` : purgeLagMs() === 0 || { ok: `nothing is purged for now: the clock is ${Math.round(purgeLagMs() / hourMs)} h ahead of the time that the store has seen pass` },
      serving: made.placement?.state === 'draining' ? 'draining' : isClosing ? 'closing' : true
    })
  })

  metrics.gauge('store_reachable', '1 where the store can be reached, else 0.', () => store.status().reachable ? 1 : 0)
  metrics.gauge('store_writable', '1 where the store takes writes, as far as was seen; 0 where its disk is full.', () => store.status().refusesWrites === undefined ? 1 : 0)
  if (store.status().disk !== undefined) metrics.gauge('store_disk_free_bytes', 'Free on the disk of the embedded store; with less than GATEPOST_DISK_RESERVE nothing is written.', () => store.status().disk?.freeBytes ?? 0)
  metrics.gauge('dispatch_connected', '1 where the link to the other nodes is there, else 0.', () => made.dispatch?.isConnected === true ? 1 : 0)
  metrics.gauge('clock_offset_seconds', 'How far this clock is ahead of the store\'s; beyond 5 either way the node is not ready.', () => clockWatch.offsetMs() / 1000)
  metrics.gauge('clock_jumped_seconds', 'How far this clock has jumped ahead (below 0: back) since the start, by the machine\'s steady clock.', () => clock.jumpedMs() / 1000)
  metrics.gauge('purge_lag_seconds', 'Embedded store: how far the clock is ahead of the time by which is purged; 0 within an hour. Purging waits until the clock has stood for a day.', () => purgeLagMs() / 1000)
  metrics.gauge('draining', '1 while sockets are handed over to other nodes, else 0.', () => isDraining() ? 1 : 0)

  let isPrepared = false
  const wasPrepared = (): boolean => {
    if (!isPrepared) isPrepared = store.status().reachable
    return isPrepared
  }
  const nodeLog = createNodeLog({ nodeId: id, dispatch: () => made.dispatch!, store, clock, log })
  const isDraining = (): boolean => made.placement?.state === 'draining' || isClosing
  const startedAt = clock.now()
  const rate = createRateMeter(() => made.core?.messageCount() ?? 0)

  // The address is known only once it listens, and it is announced by what the core is made of. All of that is made in
  // the same turn of the event loop, before the first request can be read.
  serveMessages(app, () => made.core!)
  const url = await listenOn(app, settings)
  const probeUrl = await operations.start() ?? url
  const dispatch = createDispatch({
    bus,
    prefix: natsPrefix,
    secret: settings.secret,
    acceptedSecrets: settings.acceptSecrets,
    unsigned: settings.busUnsigned,
    clock,
    log,
    ...intervals !== undefined && { intervals },
    self: {
      id,
      url: settings.publicUrl ?? url,
      weight: settings.nodeWeight,
      version: settings.version,
      startedAt,
      revocations: () => made.core?.revocations.seq ?? 0,
      // One whose clock is wrong takes nobody new either, nor one whose store has yet to be prepared.
      state: () => isDraining() || clockWatch.isOff() || !wasPrepared() ? 'draining' : 'up',
      isClockOff: () => clockWatch.isOff() && !isDraining() && wasPrepared(),
      load: () => ({
        sockets: made.core?.users.sessionCount ?? 0,
        users: made.core?.users.users ?? 0,
        messagesPerSecond: rate.perSecond(),
        eventLoopLagMs: Math.round(metrics.eventLoopLagMs * 100) / 100,
        rssBytes: metrics.rssBytes(),
        store: store.status().kind + (store.status().reachable ? store.status().refusesWrites === undefined ? '' : ' (full)' : ' (unreachable)'),
        dispatch: bus.kind + (bus.isConnected ? '' : ' (no link)')
      })
    }
  })
  made.dispatch = dispatch
  const core = createNodeCore({
    nodeId: id, store, dispatch, clock, log, secret: settings.secret, acceptSecrets: settings.acceptSecrets, auth: settings.auth, retentionMs: settings.retentionMs, userLimits: { perMinute: undefined, maxReceivers: 50, maxTtlMs: settings.retentionMs, maxSockets: 50, ...settings.userLimits }, isDraining, eventLoopLagMs: () => metrics.eventLoopLagMs, observeAppend: createAppendObserver(metrics), ownerOf: stream => made.placement?.ownerOf(stream), beforeStoring: nodeLog.beforeStoring, rules
  })
  made.core = core
  const { users, hub, look, persist } = core
  const placement = createPlacement({ nodeId: id, dispatch, users, clock, log, drainMs: settings.drainMs })
  made.placement = placement
  const lookout = createLookout({ nodeId: id, dispatch, hub, look, users, persist, placement, nodeLog, log, roundMs: lookRoundMs })
  answerNodeRequests(dispatch, createNodeRequests({ core, placement, log }))
  const { handOver } = core
  // From a node of the same cluster and the same package: the shape is believed.
  dispatch.answer(handOverKind, async body => await handOver.serve(body as HandedEntries))
  dispatch.answer(budgetKind, async body => core.budget.serve(body as BudgetRequest))
  const validateLookAt = createValidator(Type.Object({ streams: Type.Array(Type.String()) }))
  dispatch.answer('look-at', async body => { await lookout.lookAt(validateLookAt(body).streams as StreamId[]); return {} })
  const sockets = createSocketServer({ core, httpServer: app.server, origins, log })
  observeNode(metrics, { core, lookout })

  // A user's token ends and the user's socket with it.
  const tokenSweep = setInterval(() => {
    const at = core.tokenNow()
    for (const session of users.sessions()) if (session.expiresAt <= at) session.socket.disconnect(true)
  }, sweepTokensMs)
  tokenSweep.unref()
  await core.revocations.looked
  log.info({ event: 'node', url, publicUrl: settings.publicUrl }, 'node started')

  let closed: Promise<void> | undefined
  return {
    id,
    url,
    probeUrl,
    drain: placement.drain,
    close: async () => {
      closed ??= (async () => {
        isClosing = true
        clearInterval(tokenSweep)
        rate.close()
        clockWatch.close()
        lookout.close()
        placement.close()
        sockets.close()
        await app.close()
        await operations.close()
        await core.close()
        await dispatch.close()
        if (given === undefined) metrics.close()
      })()
      await closed
    }
  }
}

/** Messages a second over the last ten. */
function createRateMeter (count: () => number): { perSecond: () => number, close: () => void } {
  const seconds = 10
  const samples: number[] = []
  const timer = setInterval(() => {
    samples.push(count())
    if (samples.length > seconds + 1) samples.shift()
  }, 1_000)
  timer.unref()
  return {
    perSecond: () => samples.length < 2 ? 0 : Math.round((samples.at(-1)! - samples[0]!) / (samples.length - 1) * 10) / 10,
    close: () => { clearInterval(timer) }
  }
}
