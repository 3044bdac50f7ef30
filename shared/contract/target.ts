/** From a message's target to streams: the one place that knows. */
import type { Target } from './message.js'
import { allStream, groupStream, userStream, type StreamId } from './names.js'

/** The stream that a message's id points to: that of a target whose readers share one entry. Undefined: each receiver has a copy, or nothing is stored. */
export function homeOf (to: Target): StreamId | undefined {
  if ('group' in to) return groupStream(to.group)
  if ('all' in to) return allStream
  return undefined
}

/** A stream, and what its copy says in `to`. */
export interface Receiver { readonly stream: StreamId, readonly to: Target }

/** Where a message is stored, each stream once. A topic has none: what goes there is not stored. */
export function receiversOf (to: Target): Receiver[] {
  if ('user' in to) return [{ stream: userStream(to.user), to }]
  if ('users' in to) return [...new Set(to.users)].map(user => ({ stream: userStream(user), to: { user } }))
  if ('group' in to) return [{ stream: groupStream(to.group), to }]
  if ('all' in to) return [{ stream: allStream, to }]
  return []
}

/** The JSON text of what the copy in a stream says in `to`; the copies of senders say something else. */
export function toTextOf (stream: StreamId): string {
  if (stream === allStream) return '{"all":true}'
  return `{"${stream.startsWith('g:') ? 'group' : 'user'}":${JSON.stringify(stream.slice(2))}}`
}

/** The stream whose node is asked to store the message. A message to a topic goes through one node too, so that its order holds. */
export function leadStreamOf (to: Target): StreamId {
  if ('topic' in to) return groupStream(to.topic)
  if ('users' in to) return userStream(to.users[0] ?? '')
  return receiversOf(to)[0]!.stream
}
