/**
 * What is done to messages and memberships, as it is stored and as it is sent. Stored, each message is named with
 * its place, so that a fold needs no look-up; sent, by its id alone.
 */
import type { StreamId } from '../../../shared/contract/names.js'
import type { ChangeDoc } from '../../../shared/store/store.js'

/** A message that a change names: where it lies, and what counting needs to know of it. */
export interface ChangedMessage {
  readonly id: string
  readonly stream: StreamId
  readonly seq: number
  readonly category: string
  /** Ms since 1970: from then on the mark is forgotten. */
  readonly expiresAt: number
}

/** The user's own marks on single messages. */
export interface MarkChange {
  readonly type: 'mark'
  readonly messages: readonly ChangedMessage[]
  readonly read?: boolean
  readonly archived?: boolean
  readonly deleted?: true
  /** The action that the user chose of this message. */
  readonly acted?: string
}

/** All up to these heads is read; `category` narrows it. */
export interface ReadToChange {
  readonly type: 'readTo'
  readonly readTo: Readonly<Record<string, number>>
  readonly category?: string
}

/** The sender took a message of this stream back. */
export interface RecallChange {
  readonly type: 'recall'
  readonly message: ChangedMessage
  readonly sender: string
}

export interface MembershipChange {
  readonly type: 'membership'
  readonly group: string
  readonly joined: boolean
  /** The seq of the group with which this reader starts. */
  readonly after?: number
}

/** Who handles changes does it by a `switch` over all types, so that a new one is a type error wherever it is forgotten (`forgotten`). */
export type StoredChange = MarkChange | ReadToChange | RecallChange | MembershipChange

/** The `default` of such a switch. A change of a newer version may come all the same: it is passed over. */
export const forgotten = (_change: never): undefined => undefined

export const parseChange = (doc: Pick<ChangeDoc, 'text'>): StoredChange => JSON.parse(doc.text) as StoredChange

/** The JSON text of a change for a reader. */
export function changeWire (change: StoredChange, stream: StreamId, seq: number, prev: number): string {
  return JSON.stringify({ type: 'change', stream, seq, prev, ...shownPart(change) })
}

/** What a reader is told of it. */
export function shownPart (change: StoredChange): object {
  switch (change.type) {
    case 'mark': {
      const { messages, read, archived, deleted, acted } = change
      return { ids: messages.map(message => message.id), read, archived, deleted, acted }
    }
    case 'readTo': return { readTo: change.readTo, category: change.category, read: true }
    case 'recall': return { ids: [change.message.id], recalled: true }
    case 'membership': return { group: change.group, joined: change.joined, after: change.after }
  }
}
