/** What clients did and got, and what the contract says of it. Times are those of this process, in ms. */
import type { Entry } from '../../clients/index.js'

export interface Post {
  readonly title: string
  /** The streams in which it must lie, once in each: the target's, and the sender's for its copy. */
  readonly streams: readonly string[]
  readonly group: string | undefined
  readonly begunMs: number
  endedMs: number
  /** `stored`: 200 or 201; `refused`: 503, surely not stored; `unknown`: 504, or no answer. */
  outcome: 'open' | 'stored' | 'refused' | 'unknown'
  id: string | undefined
}

/** A user's time in a group that some join and leave. */
export interface Stay {
  readonly user: string
  readonly group: string
  readonly joinBegunMs: number
  joinedMs: number
  leaveBegunMs: number
  leftMs: number
}

export interface Device { readonly user: string, readonly entries: readonly Entry[] }

/** By stream: each message's title and id, as often as it lies there. */
export type Log = ReadonlyMap<string, ReadonlyArray<{ readonly title: string, readonly id: string }>>

export interface Verdict { readonly faults: string[], readonly counts: Record<string, number> }

/** What is posted so long after a leave was answered reaches no socket of the leaver (contract, section 4). */
const leaveHoldsAfterMs = 2_000

export function judge ({ posts, stays, devices, log, isMember }: {
  posts: readonly Post[]
  stays: readonly Stay[]
  devices: readonly Device[]
  log: Log
  /** Of the groups that nobody joins or leaves. */
  isMember: (user: string, group: string) => boolean
}): Verdict {
  const faults: string[] = []
  const counts: Record<string, number> = { posts: posts.length, stored: 0, refused: 0, unknown: 0, stays: stays.length, deliveries: 0 }
  const inLog = new Map([...log].map(([stream, messages]) => [stream, groupBy(messages, ({ title }) => title)]))

  for (const { title, streams, outcome, id } of posts) {
    if (outcome === 'open') { faults.push(`${title}: never came to an end`); continue }
    counts[outcome] = (counts[outcome] ?? 0) + 1
    for (const stream of streams) {
      const found = inLog.get(stream)?.get(title) ?? []
      if (found.length > 1) faults.push(`doubled: ${title} is ${found.length} times in ${stream}`)
      if (outcome === 'stored' && found.length === 0) faults.push(`lost: ${title} was answered as stored and is not in ${stream}`)
      if (outcome === 'stored' && id !== undefined && found.length === 1 && found[0]?.id !== id) faults.push(`${title}: answered id ${id}, ${stream} has ${found[0]?.id}`)
      if (outcome === 'refused' && found.length > 0) faults.push(`${title}: answered 503 and is in ${stream}`)
    }
  }

  const byTitle = new Map(posts.map(post => [post.title, post]))
  const staysOf = groupBy(stays, ({ user, group }) => `${user}\t${group}`)
  for (const [n, { user, entries }] of devices.entries()) {
    const device = `device ${n} of ${user}`
    const tails = new Map<string, number>()
    const got = new Map<string, Map<string, number>>()
    for (const entry of entries) {
      const { stream, seq, prev, type } = entry
      const tail = tails.get(stream)
      const isChained = !stream.startsWith('g:') || isMember(user, stream.slice(2))
      if (tail !== undefined && (isChained ? prev !== tail : seq <= tail)) faults.push(`out of order: ${device} got ${seq} (prev ${prev}) of ${stream} after ${tail}`)
      tails.set(stream, seq)
      if (type !== 'message') continue
      const title = entry.title ?? ''
      const titles = got.get(stream) ?? new Map<string, number>()
      got.set(stream, titles.set(title, (titles.get(title) ?? 0) + 1))
      counts['deliveries'] = (counts['deliveries'] ?? 0) + 1
      const post = byTitle.get(title)
      if (post?.group === undefined || stream !== `g:${post.group}` || isMember(user, post.group)) continue
      if (leaked(staysOf.get(`${user}\t${post.group}`) ?? [], post)) faults.push(`leaked: ${device} got ${title} of ${stream}, which it had left`)
    }
    for (const [stream, titles] of got) for (const [title, times] of titles) if (times > 1) faults.push(`twice: ${device} got ${title} of ${stream} ${times} times`)
    for (const [stream, messages] of log) {
      const isReader = stream === 'all' || stream === `u:${user}` || (stream.startsWith('g:') && isMember(user, stream.slice(2)))
      for (const { title } of isReader ? messages : due(stream, messages, staysOf.get(`${user}\t${stream.slice(2)}`) ?? [], byTitle)) {
        if (byTitle.has(title) && got.get(stream)?.has(title) !== true) faults.push(`not delivered: ${device} never got ${title} of ${stream}`)
      }
    }
  }
  return { faults, counts }
}

/** Posted, from its beginning to its answer, while the user was away: 2 s after a leave was answered, before the next join began. */
function leaked (stays: readonly Stay[], { begunMs, endedMs, outcome }: Post): boolean {
  const last = stays.findLast(({ joinBegunMs }) => joinBegunMs <= begunMs)
  const next = stays.find(({ joinBegunMs }) => joinBegunMs > begunMs)
  return outcome === 'stored' && begunMs > (last === undefined ? -Infinity : last.leftMs + leaveHoldsAfterMs) && endedMs < (next?.joinBegunMs ?? Infinity)
}

/** What somebody who joined for good must have: all that was posted once the join was answered. */
function due (stream: string, messages: Log extends ReadonlyMap<string, infer M> ? M : never, stays: readonly Stay[], byTitle: ReadonlyMap<string, Post>): typeof messages {
  const last = stays.at(-1)
  if (!stream.startsWith('g:') || last === undefined || last.leaveBegunMs !== Infinity) return []
  return messages.filter(({ title }) => (byTitle.get(title)?.begunMs ?? 0) > last.joinedMs)
}

function groupBy<T> (values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const value of values) groups.set(keyOf(value), [...groups.get(keyOf(value)) ?? [], value])
  return groups
}
