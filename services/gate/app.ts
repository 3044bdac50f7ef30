/** Gate's routes over what they need; listening and the connection to the nodes are start.ts's. */
import { createAudit } from '../../shared/platform/audit.js'
import type { Clock } from '../../shared/contract/clock.js'
import type { Connections } from '../../shared/platform/http/connections.js'
import { createApp, type App } from '../../shared/platform/http/create-app.js'
import { prepareOperations, type Operations, type OperationsOptions } from '../../shared/platform/http/operations.js'
import type { Origins } from '../../shared/platform/http/origins.js'
import type { ProbeOptions } from '../../shared/platform/http/probes.js'
import { createTicketSigner } from '../../shared/platform/identity/sign.js'
import type { TokenVerifier } from '../../shared/platform/identity/verify.js'
import type { Log } from '../../shared/platform/log.js'
import type { Metrics } from '../../shared/platform/metrics.js'
import type { Dispatch } from '../dispatch/dispatch.js'
import { createAccess, prepareAccess } from './access.js'
import { createRequestWithFailover } from './request-with-failover.js'
import type { FollowedRevocations } from './follow-revocations.js'
import { createSubmit } from './submit.js'
import type { MemberRings } from './member-rings.js'
import { servePages } from './pages.js'
import { createProducerLimit } from './producer-limit.js'
import { serveAnnouncements } from './routes/announcements.js'
import { serveAssign } from './routes/assign.js'
import { serveDemo } from './routes/demo.js'
import { serveGroups } from './routes/groups.js'
import { serveInspect } from './routes/inspect.js'
import { serveLogin, type LoginOptions } from './routes/login.js'
import { serveMessages } from './routes/messages.js'
import { serveNodes } from './routes/nodes.js'
import { serveOwnNodes, type OwnNodes } from './routes/own-nodes.js'
import { serveOverview, type AskEldest } from './routes/overview.js'
import { serveRevocations } from './routes/revocations.js'
import { serveSignIn } from './routes/sign-in.js'
import { serveUsers } from './routes/users.js'
import type { Watch } from './watch/watch.js'

export interface GateAppOptions {
  readonly ownPort: Pick<OperationsOptions, 'host' | 'metricsPort'>
  readonly version: string
  readonly origins: Origins
  /** Signs tickets, and the tokens of admins who come with a link. */
  readonly secret: string
  /** Secrets that made such links, too. */
  readonly acceptSecrets: readonly string[]
  /** Signs the demo's users; undefined = no demo. */
  readonly demo: Omit<LoginOptions, 'now'> | undefined
  readonly rateProducerPerMinute: number | undefined
  readonly tokens: Pick<TokenVerifier, 'verify'>
  readonly revocations: FollowedRevocations
  readonly dispatch: Dispatch
  readonly rings: () => MemberRings
  /** What the dashboard shows. */
  readonly watch: Watch
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly connections?: Connections | undefined
  /** What else Gate waits for before it is ready, in the form of a probe's checks: what lives in the same process. */
  readonly alsoNeeds?: ProbeOptions['checks'] | undefined
  readonly ownNodes?: OwnNodes | undefined
  readonly fellows?: Fellows | undefined
}

/** The Gates of a machine whose processes share one port: what is asked of one is asked of all. */
export interface Fellows {
  /** Metrics of all of them. */
  readonly metricsPage: () => Promise<string>
  readonly askEldest: AskEldest
}

const bodyLimitBytes = 256 * 1024
/** Who forgets to ask for an assignment sends a user's requests to Gate. */
const elsewhere = (path: string): string | undefined => /^\/(?:messages|socket\.io)(?:\/|$)/.test(path) ? "it is a node's, at the `node.url` that GET /gate/assign answers" : undefined

export async function createGateApp ({ version, origins, secret, acceptSecrets, demo, rateProducerPerMinute, tokens, revocations, dispatch, rings, watch, clock, log, metrics, connections, ownPort, alsoNeeds = () => ({}), ownNodes, fellows }: GateAppOptions): Promise<{ app: App, operations: Operations }> {
  const app = await createApp({ log, metrics, bodyLimitBytes, connections, origins, elsewhere })
  const operations = prepareOperations(app, {
    api: {
      title: 'Gatepost Gate',
      version,
      description: 'Assigns users to nodes, takes system messages, shows how the nodes are. What a user does (mail, lists, read marks) has a document of its own on each node: `/openapi.json` and the page `/docs/` at the `node.url` that `GET /gate/assign` answers.',
      jsonPath: '/gate/openapi.json',
      uiPath: '/gate/docs',
      bearer: 'The token of a user, a producer or an admin.',
      server: { description: 'This Gate.', url: () => undefined },
      related: () => new Map(ownPort.metricsPort === undefined ? dispatch.members().filter(({ state }) => state === 'up').slice(0, 10).map(({ id, url }) => [id, `${url}/docs/`]) : [])
    },
    ...ownPort,
    metrics,
    sharedPage: fellows?.metricsPage,
    log,
    connections,
    checks: async () => ({
      dispatch: dispatch.isConnected || 'not connected',
      members: !dispatch.hasConverged ? 'has not heard a whole round of heartbeats yet' : (ownNodes?.areThere() ?? true) || 'its nodes have not all started yet',
      revocations: revocations.missing ?? true,
      ...await alsoNeeds()
    })
  })
  metrics.gauge('dispatch_connected', '1 where the link to the nodes is there, else 0.', () => dispatch.isConnected ? 1 : 0)
  metrics.gauge('nodes_up', 'Nodes that users are assigned to.', () => rings().up.size)
  const taken = metrics.counter('system_messages_total', 'System messages answered, by status.', ['status'])
  prepareAccess(app)
  const audit = createAudit({ log, elapsed: clock.elapsed })
  const access = createAccess({ verify: tokens.verify, checkRevoked: revocations.check, audit })
  const requestWithFailover = createRequestWithFailover(dispatch)
  const submit = createSubmit({ dispatch, rings, clock, requestWithFailover })
  const takeOfProducer = rateProducerPerMinute === undefined ? undefined : createProducerLimit({ perMinute: rateProducerPerMinute, dispatch, rings, elapsed: clock.elapsed })

  serveAssign(app, { access, dispatch, rings, ownNodes, signTicket: createTicketSigner({ secret, now: clock.now }) })
  const countMessage = (status: number): void => {
    taken.inc({ status: String(status) })
    if (status >= 400) metrics.countRefusal() // one of a batch: a request that is refused tells by its own status
  }
  serveMessages(app, { access, requestWithFailover, submit, rings, takeOfProducer, count: countMessage })
  serveNodes(app, { access, audit, dispatch, rings })
  if (ownNodes !== undefined) serveOwnNodes(app, ownNodes)
  serveOverview(app, { access, dispatch, rings, watch, askEldest: fellows?.askEldest, now: clock.now })
  serveInspect(app, { access, dispatch, requestWithFailover, rings, revocations, now: clock.now })
  serveAnnouncements(app, { access, audit, dispatch, requestWithFailover, submit, rings })
  serveSignIn(app, { secret, acceptSecrets, audit, checkRevoked: revocations.check, requestWithFailover, rings, now: clock.now })
  serveUsers(app, { access, audit, dispatch })
  serveRevocations(app, { access, audit, requestWithFailover, rings, dispatch, revocations, now: clock.now })
  serveGroups(app, { access, audit, requestWithFailover, rings })
  if (demo !== undefined) {
    serveLogin(app, { ...demo, now: clock.now })
    serveDemo(app, { secret, dispatch, now: clock.now, forOwnPages: demo.forOwnPages })
  }
  await servePages(app, { isDemo: demo !== undefined })
  return { app, operations }
}
