/** Entries of form 2 of the socket (docs/protocol.md "Form 2"), made whole again: field for field what a socket of form 1 is sent. */
import type { Entry, Ready, SyncAnswer, VolatileMessage } from './protocol.js'

/** Entries of one stream, the first of which follows `prev`; no stream: volatile messages. */
export type Burst = readonly [stream: string | null, prev: number, entries: readonly CompactEntry[]]

/** What is missing is null, is the default, or follows from the stream, the id or the entry before. */
type CompactEntry = Readonly<Record<string, any>>

export type CompactSync = Omit<SyncAnswer, 'entries'> & { readonly bursts: readonly Burst[] }

/** Where the node's ids count from, and in how many parts of a millisecond. */
const epochMs = Date.UTC(2024, 0, 1)
const ticksPerMs = 4096
const timeDigits = 11

/** `lifeSeconds`: `ttl` of `ready`. */
export function expandBurst ([stream, prev, entries]: Burst, { ttl: lifeSeconds = 0 }: Pick<Ready, 'ttl'>): Array<Entry | VolatileMessage> {
  let before = prev
  return entries.map(given => {
    const after = given['prev'] ?? before
    const placed = stream === null ? {} : { stream, seq: after + given['step'], prev: after }
    const type = given['type'] ?? 'message'
    const whole = type === 'message' ? unsaid(given, stream, placed, lifeSeconds) : { type, ...placed }
    for (const name in given) if (!isWritten(name)) whole[name] = given[name]
    before = whole['seq']
    return whole as unknown as Entry | VolatileMessage
  })
}

export const expandSync = ({ bursts, ...answer }: CompactSync, ready: Pick<Ready, 'ttl'>): SyncAnswer =>
  ({ entries: bursts.flatMap(burst => expandBurst(burst, ready) as Entry[]), ...answer })

/** The fields that are written otherwise in form 1. */
const isWritten = (name: string): boolean => name === 'step' || name === 'ttl' || name === 'from'

/** A message of which only these are said: the place, the id, the sender, when it was made and until when it lives. */
function unsaid (given: CompactEntry, stream: string | null, placed: object, lifeSeconds: number): Record<string, any> {
  const createdMs = given['createdAt'] === undefined ? timeOfId(given['id']) : Date.parse(given['createdAt'])
  const ttl = given['ttl'] ?? (stream === null ? undefined : lifeSeconds)
  return {
    type: 'message',
    id: undefined,
    ...placed,
    from: expandFrom(given['from']),
    to: targetOf(stream),
    title: null,
    body: null,
    data: null,
    category: 'general',
    createdAt: new Date(createdMs).toISOString(),
    expiresAt: ttl === undefined ? null : new Date(createdMs + Math.round(ttl * 1000)).toISOString(),
    boxes: ['inbox'],
    url: null,
    actions: null,
    // One's own copies are never unread.
    read: given['boxes']?.includes('sent') === true,
    archived: false,
    recalled: false,
    acted: null
  }
}

function expandFrom (from: string | { readonly picture?: string }): object {
  if (typeof from !== 'string') return 'picture' in from ? from : { ...from, name: null, picture: null }
  const sender = from.slice(2)
  return from.startsWith('u:') ? { user: sender, name: null, picture: null } : { producer: sender, name: null, picture: null }
}

/** To whom the messages of a stream are sent, but for the copies of their senders. */
function targetOf (stream: string | null): object | undefined {
  if (stream === null) return undefined
  if (stream === 'all') return { all: true }
  return stream.startsWith('g:') ? { group: stream.slice(2) } : { user: stream.slice(2) }
}

/** Ms since 1970 at which a message of this id was made. */
const timeOfId = (id: string): number => Math.floor(Number.parseInt(id.slice(0, timeDigits), 36) / ticksPerMs) + epochMs
