/** What the dashboard shows of the cluster: how it is now, the last 15 minutes, the ring. As this Gate has heard it. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import { GatepostError, shown } from '../../../shared/contract/errors.js'
import { Time } from '../../../shared/contract/wire.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { needsBearer } from '../../../shared/platform/http/document-api.js'
import { refusals } from '../../../shared/platform/http/error-response.js'
import type { Dispatch, Member } from '../../dispatch/dispatch.js'
import type { Access } from '../access.js'
import type { Rings } from '../assignment.js'
import { happeningKinds } from '../watch/happenings.js'
import { processOf } from '../watch/history.js'
import type { Watch } from '../watch/watch.js'
import { adminRefusals, NodeView, viewOfNode } from './node-view.js'
import { strict } from './schemas.js'

export interface OverviewOptions {
  readonly access: Access
  readonly dispatch: Pick<Dispatch, 'members' | 'isConnected'>
  readonly rings: () => Rings
  readonly watch: Watch
  /** Undefined: this Gate is the only one on its port. */
  readonly askEldest: AskEldest | undefined
  /** Ms since 1970. */
  readonly now: () => number
}

/**
 * Of several Gates on one port the one that has watched longest answers what Gates remember, whoever of them takes the question: charts
 * would jump otherwise. Undefined where this one is that, or that one does not answer. `authorization`: the question's own.
 */
export type AskEldest = (path: string, authorization: string) => Promise<{ readonly status: number, readonly text: string } | undefined>

const Nullable = <T extends ReturnType<typeof Type.String | typeof Type.Number>>(schema: T) => Type.Union([schema, Type.Null()])
const NullableTime = Type.Union([Time, Type.Null()])
const Line = Type.Array(Type.Union([Type.Number(), Type.Null()]), { description: 'Oldest first, one for each step; null where nothing was heard.' })
const Lines = Type.Object({ messagesPerSecond: Line, sockets: Line, refusalsPerSecond: Line })

const WatchedNode = Type.Object({
  ...NodeView.properties,
  process: Type.String({ description: 'The same of all nodes and Gates of one process, which share its memory and its event loop.' }),
  refusalsPerSecond: Nullable(Type.Number({ description: 'What it answered with an error; null of version 0.1.' })),
  isClockOff: Type.Boolean({ description: 'It takes no users because its clock differs from the store\'s.' }),
  drain: Type.Union([Type.Object({ since: Time, socketsAtStart: Type.Integer(), endedAt: NullableTime }), Type.Null()])
})
const WatchedGate = Type.Object({
  id: Type.String(),
  url: Type.String(),
  version: Type.String(),
  startedAt: Time,
  lastSeen: Time,
  isThis: Type.Boolean({ description: 'It gave this answer.' }),
  process: Type.String(),
  requestsPerSecond: Type.Number(),
  refusalsPerSecond: Type.Number(),
  eventLoopLagMs: Type.Number(),
  rssBytes: Type.Integer()
})
export const Overview = Type.Object({
  now: Time,
  isConnected: Type.Boolean({ description: 'This Gate has a link to the nodes.' }),
  nodes: Type.Array(WatchedNode),
  gates: Type.Array(WatchedGate),
  total: Type.Object({
    nodesUp: Type.Integer(), sockets: Type.Integer(), users: Type.Integer(), messagesPerSecond: Type.Number(), refusalsPerSecond: Type.Number(), rssBytes: Type.Integer(), processes: Type.Integer()
  }, { description: 'Of those that are up or draining; a process counts once.' }),
  happenings: Type.Array(Type.Object({ at: Time, kind: Type.Enum([...happeningKinds]), node: Nullable(Type.String()) }), { description: 'Newest first, at most 200.' }),
  watchedSince: Time
})
export type Overview = Static<typeof Overview>

export const HistoryAnswer = Type.Object({
  stepMs: Type.Integer(),
  endsAt: NullableTime,
  total: Lines,
  processes: Type.Array(Type.Object({ process: Type.String(), members: Type.Array(Type.String()), eventLoopLagMs: Line, rssBytes: Line }), { description: 'The largest ones.' }),
  processCount: Type.Integer(),
  node: Type.Union([Lines, Type.Null()], { description: 'Of the node that was asked for.' })
})
export type HistoryAnswer = Static<typeof HistoryAnswer>

export const RingPicture = Type.Object({
  nodes: Type.Array(Type.Object({ id: Type.String(), share: Type.Number() })),
  places: Type.Array(Type.Integer(), { description: 'Places at equal distances around the ring: each is the index, in nodes, of who owns it.' })
})
export type RingPicture = Static<typeof RingPicture>

const maxProcesses = 8
const places = 720

export function serveOverview (app: App, { access, dispatch, rings, watch, askEldest, now }: OverviewOptions): void {
  const common = { tags: ['dashboard'], security: needsBearer }
  const eldest = async ({ url, headers }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const answer = await askEldest?.(url, headers.authorization ?? '')
    // As text: it was made by this same route.
    return answer === undefined ? undefined : await reply.code(answer.status).type('application/json; charset=utf-8').serializer(text => text as string).send(answer.text)
  }
  const iso = (ms: number): string => new Date(ms).toISOString()

  app.get('/gate/overview', {
    onRequest: access('admin'),
    preHandler: eldest,
    schema: { ...common, operationId: 'getOverview', summary: 'The nodes, the Gates and what happened, as this Gate knows them', response: { 200: Overview, ...refusals(...adminRefusals) } }
  }, async () => {
    const shares = rings().up.shares()
    const nodes = dispatch.members().map(member => viewOfWatched(member, shares, watch))
    const gates = watch.gates.list().map(({ agoMs, startedAt, ...gate }, at) => ({ ...gate, startedAt: iso(startedAt), lastSeen: iso(now() - agoMs), isThis: at === 0 }))
    return {
      now: iso(now()),
      isConnected: dispatch.isConnected,
      nodes,
      gates,
      total: totalOf(nodes, gates),
      happenings: watch.happenings.list().map(({ at, ...happening }) => ({ at: iso(at), ...happening })),
      watchedSince: iso(watch.happenings.since)
    }
  })

  app.get('/gate/history', {
    onRequest: access('admin'),
    preHandler: eldest,
    schema: {
      ...common,
      operationId: 'getHistory',
      summary: 'The last 15 minutes, in steps, as this Gate heard them',
      querystring: Type.Object({ node: Type.Optional(Type.String({ description: 'the id of a node, for lines of its own' })) }, strict),
      response: { 200: HistoryAnswer, ...refusals(...adminRefusals, 'GP_NOT_FOUND') }
    }
  }, async request => {
    const { node } = request.query
    const lines = node === undefined ? null : watch.history.member(node)
    if (lines === undefined) throw new GatepostError('GP_NOT_FOUND', `node: got ${shown(node)}; takes the id of a node that was heard in the last 15 minutes`)
    const { endsAt, processes, ...view } = watch.history.view(maxProcesses)
    return { ...view, endsAt: endsAt === null ? null : iso(endsAt), processes: processes.map(({ members, ...lines }) => ({ ...lines, members: [...members] })), node: lines }
  })

  app.get('/gate/ring', {
    onRequest: access('admin'),
    schema: { ...common, operationId: 'getRing', summary: 'The ring of the nodes that are up: shares, and a picture of who owns what', response: { 200: RingPicture, ...refusals(...adminRefusals) } }
  }, async () => {
    const { up } = rings()
    const nodes = [...up.shares()].map(([id, share]) => ({ id, share }))
    const indexes = new Map(nodes.map(({ id }, at) => [id, at]))
    return { nodes, places: up.sample(places).map(id => indexes.get(id)!) }
  })
}

function viewOfWatched (member: Member, shares: ReadonlyMap<string, number>, watch: Watch): Overview['nodes'][number] {
  const { id, load, isClockOff = false } = member
  const drain = watch.drains.of(id)
  return {
    ...viewOfNode(member, shares),
    process: processOf({ id, process: load.process }),
    refusalsPerSecond: load.refusalsPerSecond ?? null,
    isClockOff,
    drain: drain === undefined || member.state !== 'draining'
      ? null
      : { since: new Date(drain.since).toISOString(), socketsAtStart: drain.socketsAtStart, endedAt: drain.endedAt === null ? null : new Date(drain.endedAt).toISOString() }
  }
}

/** What a suspect node has is not known: its users may be on others already. */
function totalOf (nodes: Overview['nodes'], gates: Overview['gates']): Overview['total'] {
  const there = nodes.filter(({ state }) => state === 'up' || state === 'draining')
  const sum = (values: readonly number[]): number => Math.round(values.reduce((total, value) => total + value, 0) * 10) / 10
  const rssByProcess = new Map([...there, ...gates].map(({ process, rssBytes }) => [process, rssBytes]))
  return {
    nodesUp: nodes.filter(({ state }) => state === 'up').length,
    sockets: sum(there.map(({ sockets }) => sockets)),
    users: sum(there.map(({ users }) => users)),
    messagesPerSecond: sum(there.map(({ messagesPerSecond }) => messagesPerSecond)),
    refusalsPerSecond: sum([...there, ...gates].map(({ refusalsPerSecond }) => refusalsPerSecond ?? 0)),
    rssBytes: sum([...rssByProcess.values()]),
    processes: rssByProcess.size
  }
}
