/**
 * Every subject, built and read here and nowhere else. Names may hold dots, spaces and wildcards, so they travel
 * as base64url tokens. A node's *life* is its name and its start: what one life has sent is counted apart from the next.
 *
 * | subject | carries |
 * | --- | --- |
 * | `PREFIX.push.LIFE.STREAM` | an entry, counted by its receivers |
 * | `PREFIX.volatile.NODE.STREAM` | an entry that nobody counts |
 * | `PREFIX.arc.ARC` | either of these, between nodes by interest; the stream and the node stand before the payload (arc-message.ts) |
 * | `PREFIX.topic.NODE.exact.TOPIC`, `PREFIX.topic.NODE.prefix.TOPIC` | a message to a topic, readable from the subject alone |
 * | `PREFIX.heartbeat.NODE`, `PREFIX.bye.NODE` | an announcement |
 * | `PREFIX.hello` | nothing: everyone announces itself at once |
 * | `PREFIX.ask.NODE` | a request to that node |
 */
import { createHash } from 'node:crypto'
import { GatepostError, shown } from './errors.js'
import type { NodeId, StreamId } from './names.js'
import { remember } from './remember.js'
import { createArcs, ringName } from './ring.js'

export type TopicMatch = 'exact' | 'prefix'

export interface Subjects {
  /** Those that a node subscribes to. */
  readonly allPushes: string
  readonly allVolatile: string
  readonly allTopics: string
  readonly allHeartbeats: string
  readonly allByes: string
  readonly hello: string
  /** Ends with a dot; the stream's token comes behind it. */
  pushStem: (life: string) => string
  volatileStem: (node: NodeId) => string
  /** Of `arcOf`. */
  arc: (arc: string) => string
  topic: (node: NodeId, topic: string, match: TopicMatch) => string
  heartbeat: (node: NodeId) => string
  bye: (node: NodeId) => string
  ask: (node: NodeId) => string
  /** The life and the stream's token of a push; the caller knows that it is one. */
  readPush: (subject: string) => { life: string, token: string }
  readVolatile: (subject: string) => { from: NodeId, token: string } | undefined
  readTopic: (subject: string) => { from: NodeId, topic: string, match: TopicMatch } | undefined
}

const cachedNames = 8192
const cachedStreams = 32_768
/** 132 of SHA-1's 160 bits: a token is looked up among a node's own streams, nothing is trusted to it. */
export const streamTokenLength = 22

const streamTokens = remember((stream: string) => createHash('sha1').update(stream).digest('base64url').slice(0, streamTokenLength), cachedStreams)

const streamMarks = remember((stream: string) => Buffer.from(streamTokens(stream).slice(0, 6), 'base64url').readUInt32BE(0), cachedStreams)

/** The name of a stream in a subject. */
export const streamToken = (stream: StreamId): string => streamTokens(stream)

/** 32 bits of a stream's token. Other streams may have the same. */
export const streamMark = (stream: StreamId): number => streamMarks(stream)

/**
 * So many that at 1,000 nodes an arc has the users of three, and so few that a node of 8 never listens to more than some 35,000
 * (docs/adr/0036-interest.md).
 */
export const arcCount = 2 ** 18
let arcs: ((name: string) => number) | undefined

/**
 * The part of all users, or of all groups, that a stream lies in: neighbours on the ring, so that a node reads few parts and a part has few
 * nodes. Undefined for a stream that everyone reads.
 */
export function arcOf (stream: StreamId): string | undefined {
  const kind = stream.startsWith('u:') ? 'u' : stream.startsWith('g:') ? 'g' : undefined
  arcs ??= remember(createArcs(arcCount), cachedStreams)
  return kind && kind + arcs(ringName(stream))
}

export const nameToken = (name: string): string => Buffer.from(name, 'utf8').toString('base64url')
/** The name in a token; undefined where the token is not exactly what `nameToken` makes. */
export function readNameToken (token: string): string | undefined {
  const name = Buffer.from(token, 'base64url').toString('utf8')
  return token !== '' && nameToken(name) === token ? name : undefined
}

/** `startedAt`: whole ms since 1970. */
export const lifeToken = (node: NodeId, startedAt: number): string => `${nameToken(node)}~${startedAt.toString(36)}`

/** The node and the start in a life's token; undefined for what is none. */
export function readLifeToken (life: string): { node: NodeId, startedAt: number } | undefined {
  const mark = life.indexOf('~')
  const node = mark < 0 ? undefined : readNameToken(life.slice(0, mark))
  const startedAt = parseInt(life.slice(mark + 1), 36)
  if (node === undefined || !Number.isSafeInteger(startedAt) || startedAt < 0 || lifeToken(node as NodeId, startedAt) !== life) return undefined
  return { node: node as NodeId, startedAt }
}

export function createSubjects (prefix: string): Subjects {
  if (!isSubjectPrefix(prefix)) {
    throw new GatepostError('GP_VALIDATION', `GATEPOST_NATS_PREFIX: got ${shown(prefix)}; takes dot-separated tokens of visible characters without * and >`)
  }
  const pushFrom = `${prefix}.push.`.length
  const volatileFrom = `${prefix}.volatile.`.length
  const topicFrom = `${prefix}.topic.`.length
  const readName = remember(readNameToken, cachedNames)

  return {
    allPushes: `${prefix}.push.*.*`,
    allVolatile: `${prefix}.volatile.*.*`,
    allTopics: `${prefix}.topic.*.*.*`,
    allHeartbeats: `${prefix}.heartbeat.*`,
    allByes: `${prefix}.bye.*`,
    hello: `${prefix}.hello`,
    pushStem: life => `${prefix}.push.${life}.`,
    volatileStem: node => `${prefix}.volatile.${nameToken(node)}.`,
    arc: arc => `${prefix}.arc.${arc}`,
    topic: (node, topic, match) => `${prefix}.topic.${nameToken(node)}.${match}.${nameToken(topic)}`,
    heartbeat: node => `${prefix}.heartbeat.${nameToken(node)}`,
    bye: node => `${prefix}.bye.${nameToken(node)}`,
    ask: node => `${prefix}.ask.${nameToken(node)}`,
    readPush (subject) {
      const dot = subject.indexOf('.', pushFrom)
      return { life: subject.slice(pushFrom, dot), token: subject.slice(dot + 1) }
    },
    readVolatile (subject) {
      const dot = subject.indexOf('.', volatileFrom)
      const from = readName(subject.slice(volatileFrom, dot))
      return from === undefined ? undefined : { from: from as NodeId, token: subject.slice(dot + 1) }
    },
    readTopic (subject) {
      const [node = '', match, token = ''] = subject.slice(topicFrom).split('.')
      const from = readName(node)
      const topic = readName(token)
      if (from === undefined || topic === undefined || (match !== 'exact' && match !== 'prefix')) return undefined
      return { from: from as NodeId, topic, match }
    }
  }
}

/** What a login at NATS may or may not do. */
export interface Right { readonly may: 'publish' | 'subscribe', readonly subject: string }
export type Role = 'gate' | 'node'

/** Stands where a name's token does, and is none: what is published under it is dropped by whoever hears it. */
export const nobody = '~'

/** What a Gate or a node needs of NATS, and what it has no use for, with `nobody` for every name. As docs/operations.md says. */
export function rightsOf ({ allPushes, allVolatile, allTopics, allHeartbeats, allByes, hello, arc }: Subjects, role: Role, isByInterest: boolean): { needed: readonly Right[], needless: readonly Right[] } {
  const prefix = hello.slice(0, hello.lastIndexOf('.'))
  const right = (may: Right['may']) => (subject: string): Right => ({ may, subject })
  const [publish, subscribe] = [right('publish'), right('subscribe')]
  const ask = `${prefix}.ask.${nobody}`
  const ofBoth = [...[hello, ask].map(publish), ...[hello, allHeartbeats, allByes, `_INBOX.${role}.${nobody}`].map(subscribe)]
  const ofNodes = [
    ...[`${prefix}.push.${nobody}.${nobody}`, `${prefix}.volatile.${nobody}.${nobody}`, `${prefix}.topic.${nobody}.exact.${nobody}`, `${prefix}.heartbeat.${nobody}`, `${prefix}.bye.${nobody}`, `_INBOX.${nobody}.${nobody}`].map(publish),
    ...[allPushes, allVolatile, allTopics, ask].map(subscribe)
  ]
  const ofInterest = [publish(arc(nobody)), subscribe(arc(nobody))]
  const elsewhere = [publish(`${nobody}.${nobody}`), subscribe('>')]
  return role === 'node' ? { needed: [...ofBoth, ...ofNodes, ...isByInterest ? ofInterest : []], needless: elsewhere } : { needed: ofBoth, needless: [...ofNodes, ...ofInterest, subscribe(`_INBOX.node.${nobody}`), ...elsewhere] }
}

/** Dot-separated tokens without wildcards, spaces and control characters. `_INBOX` and `$...` belong to NATS itself. */
export function isSubjectPrefix (prefix: string): boolean {
  return prefix.length <= 256 && /^[^\s.*>\p{Cc}]+(\.[^\s.*>\p{Cc}]+)*$/u.test(prefix) && !/^(\$|_INBOX(\.|$))/.test(prefix)
}
