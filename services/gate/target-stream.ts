import type { Target } from '../../shared/contract/message.js'
import { allStream, groupStream, userStream, type StreamId } from '../../shared/contract/names.js'

export interface TargetPlace {
  /** Where a message lies that goes there; undefined where it lies in no stream, or in many. */
  readonly home: StreamId | undefined
  /** The stream whose node has it easiest. */
  readonly stream: StreamId
}

export function placeOfTarget (to: Target): TargetPlace {
  if ('user' in to) return { home: userStream(to.user), stream: userStream(to.user) }
  if ('users' in to) return { home: undefined, stream: userStream(to.users[0] ?? '') }
  if ('group' in to) return { home: groupStream(to.group), stream: groupStream(to.group) }
  if ('topic' in to) return { home: undefined, stream: groupStream(to.topic) }
  return { home: allStream, stream: allStream }
}
