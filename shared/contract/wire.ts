/**
 * What readers are answered, once: for the OpenAPI documents of Gate and nodes, and as what the types of the client library are
 * compared with (test/contract/client-types.ts). The text of an entry is made in services/notifications/log/entry.ts.
 */
import { Type, type TNull, type TSchema, type TUnion } from 'typebox'
import { Actions } from './action.js'
import { Target } from './message.js'

const Nullable = <T extends TSchema>(schema: T): TUnion<[T, TNull]> => Type.Union([schema, Type.Null()])
/** A time as the contract writes it. */
export const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' })

/** How the sender is shown: see profile.ts. */
const shownAs = { name: Nullable(Type.String()), picture: Nullable(Type.String({ description: 'an http(s) address, or a path of the site' })) }

export const MessageEntry = Type.Object({
  type: Type.Literal('message'),
  id: Type.String(),
  stream: Type.String({ description: 'u:USER, g:GROUP or all' }),
  seq: Type.Integer(),
  prev: Type.Integer(),
  from: Type.Union([Type.Object({ user: Type.String(), ...shownAs }), Type.Object({ producer: Type.String(), ...shownAs })]),
  to: Target,
  title: Nullable(Type.String()),
  body: Nullable(Type.String()),
  data: Type.Unknown({ description: 'as it was sent, or null' }),
  category: Type.String(),
  createdAt: Time,
  expiresAt: Nullable(Time),
  boxes: Type.Array(Type.Union([Type.Literal('inbox'), Type.Literal('sent')])),
  read: Type.Boolean(),
  archived: Type.Boolean(),
  recalled: Type.Boolean(),
  url: Nullable(Type.String({ description: 'an http(s) address, or a path of the site' })),
  actions: Nullable(Actions),
  acted: Nullable(Type.String({ description: 'the id of the action that this user chose' }))
}, { title: 'MessageEntry', description: 'A message as its reader is shown it.' })

export const Page = Type.Object({
  messages: Type.Array(MessageEntry),
  next: Nullable(Type.String({ description: 'the `before` of the following page' }))
}, { title: 'MessagePage' })

export const UnreadAnswer = Type.Object({ unread: Type.Integer(), byCategory: Type.Record(Type.String(), Type.Integer()) }, { title: 'Unread' })

export const PostedAnswer = Type.Object({
  id: Type.String(),
  stream: Type.Optional(Type.String({ description: "of the sender's own copy" })),
  seq: Type.Optional(Type.Integer()),
  createdAt: Time,
  duplicate: Type.Boolean()
}, { title: 'Posted' })

export const VolatileAnswer = Type.Object({ id: Type.String(), createdAt: Time }, { title: 'HandedOn' })

/** A user's node, and a ticket for it. */
export const Assignment = Type.Object({
  user: Type.String(),
  node: Type.Object({
    id: Type.String(),
    url: Type.String({ description: 'its REST begins behind this; may have a path' }),
    path: Type.Optional(Type.String({ description: "of Socket.IO, at the url's origin; absent: /socket.io" }))
  }),
  ticket: Type.String({ description: 'Opens the socket of this node, and is the bearer token for its REST.' }),
  expiresAt: Time
}, { title: 'Assignment' })
