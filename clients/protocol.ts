/** What goes over the wire between a client, Gate and a node, as docs/protocol describes it. */

/** `{stream: seq}`: the last entry that a reader has had of each stream. */
export type Cursors = Readonly<Record<string, number>>

export type Target =
  | { readonly user: string }
  | { readonly users: readonly string[] }
  | { readonly group: string }
  | { readonly topic: string, readonly match?: 'exact' | 'prefix' }
  | { readonly all: true }

/** What the receiver can choose, once. */
export interface Action {
  /** A name that no other action of the message has. */
  readonly id: string
  readonly label: string
  /** As a message's. */
  readonly url?: string
}

/** How a sender is shown; `null` where nobody said. */
export interface Profile {
  readonly name: string | null
  /** An http(s) address, or a path of the site. */
  readonly picture: string | null
}

/** A message as it is sent. One of title, body and data is there; `ttl` is in whole seconds. */
export interface OutgoingMessage<To extends Target = Target> {
  readonly to: To
  readonly title?: string
  readonly body?: string
  /** Any JSON, at most 64 levels deep. */
  readonly data?: unknown
  readonly category?: string
  readonly ttl?: number
  readonly volatile?: boolean
  /** Where a click leads: an http(s) address, or a path that begins with one `/`. */
  readonly url?: string
  /** At most 3. */
  readonly actions?: readonly Action[]
}

/** A producer's message may say how its sender is shown; a user's name and picture are in the user's token. */
export interface ProducerMessage extends OutgoingMessage {
  readonly sender?: { readonly name?: string, readonly picture?: string }
}

export type Box = 'inbox' | 'sent' | 'archived'

interface Content {
  readonly type: 'message'
  readonly id: string
  readonly from: ({ readonly user: string } | { readonly producer: string }) & Profile
  readonly to: Target
  readonly title: string | null
  readonly body: string | null
  readonly data: unknown
  readonly category: string
  /** ISO 8601, UTC; so is `expiresAt`. */
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly url: string | null
  readonly actions: readonly Action[] | null
}

/** A stored message as its reader sees it. */
export interface Message extends Content {
  readonly stream: string
  readonly seq: number
  readonly boxes: ReadonlyArray<'inbox' | 'sent'>
  readonly read: boolean
  readonly archived: boolean
  readonly recalled: boolean
  /** The id of the action that this user chose. */
  readonly acted: string | null
}

/** A message that is never stored: it came to the sockets that were open, and has no place in a stream. */
export interface VolatileMessage extends Content {
  readonly stream?: undefined
}

interface Placed {
  readonly stream: string
  readonly seq: number
  /** The `seq` of the entry that this reader should have had before this one; 0 = none. */
  readonly prev: number
}

export type MessageEntry = Message & Placed

export interface ChangeEntry extends Placed {
  readonly type: 'change'
  readonly ids?: readonly string[]
  readonly readTo?: Cursors
  readonly category?: string
  readonly read?: boolean
  readonly archived?: boolean
  readonly deleted?: boolean
  readonly recalled?: boolean
  readonly acted?: string
  readonly group?: string
  readonly joined?: boolean
  /** With `joined: true`: the cursor with which this reader starts the group. */
  readonly after?: number
}

/** Entries after `prev` up to `seq` cannot be had any more: expired, or not for this user. */
export interface GoneEntry extends Placed {
  readonly type: 'gone'
}

export type Entry = MessageEntry | ChangeEntry | GoneEntry

export interface UnreadCount {
  readonly unread: number
  readonly byCategory: Readonly<Record<string, number>>
}

/** What Gate answers when it is asked for a node. */
export interface Assignment {
  readonly user: string
  /** REST begins behind `url`; `path` is that of Socket.IO at the url's origin, `/socket.io` where it is absent. */
  readonly node: { readonly id: string, readonly url: string, readonly path?: string }
  readonly ticket: string
  readonly expiresAt: string
}

export interface Ready extends UnreadCount {
  readonly user: string
  readonly node: string
  readonly heads: Cursors
  /** 2: entries come in that form; else whole. */
  readonly form?: number
  /** With `form` 2: for how many seconds a message lives that says nothing of it. */
  readonly ttl?: number
  /** The client adds to the unread count what its entries bring, and is sent it only where that is not enough. */
  readonly counts?: boolean
}

export interface Reassign {
  readonly reason: string
  readonly delayMs: number
}

export interface SyncAnswer {
  readonly entries: readonly Entry[]
  readonly heads: Cursors
  readonly more: boolean
}

/** What a user's stored message answers; a volatile one has only `id` and `createdAt`. */
export interface SendAnswer {
  readonly id: string
  readonly createdAt: string
  readonly stream?: string
  readonly seq?: number
  readonly duplicate?: boolean
}

export interface ListQuery {
  /** 1 to 200; 50 where it is not given. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly before?: string
  readonly box?: Box
  readonly unread?: boolean
  readonly category?: string
  readonly with?: string
}

/** A filtered page may be short as long as there is a `next`. */
export interface Page {
  readonly messages: readonly Message[]
  readonly next?: string | null
}

export const groupStream = (group: string): string => `g:${group}`
