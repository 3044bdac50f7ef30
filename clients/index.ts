export { createInbox, type Inbox, type InboxOptions, type Timing } from './inbox.js'
export { createProducer, type Produced, type Producer, type ProducerOptions } from './producer.js'
export { GatepostError, type GatepostErrorCode, type Retry } from './errors.js'
export type { ConnectionState } from './connection.js'
export type { SendOptions, SendOutcome } from './outbox.js'
export type { KeyValueStorage } from './storage.js'
export type { TokenSource } from './tokens.js'
export type {
  Action, Box, ChangeEntry, Cursors, Entry, GoneEntry, ListQuery, Message, MessageEntry, OutgoingMessage, Page, ProducerMessage, Profile,
  SendAnswer, Target, UnreadCount, VolatileMessage
} from './protocol.js'
