/** What the routes of a node answer, for its OpenAPI document; the entries themselves go out as text made elsewhere. */
import { Type } from 'typebox'
import { Target } from '../../../../shared/contract/message.js'

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T): ReturnType<typeof Type.Union> => Type.Union([schema, Type.Null()])
const Time = Type.String({ description: 'ISO 8601, UTC' })

export const MessageEntry = Type.Object({
  type: Type.Literal('message'),
  id: Type.String(),
  stream: Type.String({ description: 'u:USER, g:GROUP or all' }),
  seq: Type.Integer(),
  prev: Type.Integer(),
  from: Type.Union([Type.Object({ user: Type.String() }), Type.Object({ producer: Type.String() })]),
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
  recalled: Type.Boolean()
}, { description: 'A message as its reader is shown it.' })

export const Page = Type.Object({
  messages: Type.Array(MessageEntry),
  next: Nullable(Type.String({ description: 'the `before` of the following page' }))
})

export const UnreadAnswer = Type.Object({ unread: Type.Integer(), byCategory: Type.Record(Type.String(), Type.Integer()) })

export const PostedAnswer = Type.Object({
  id: Type.String(),
  stream: Type.Optional(Type.String({ description: "of the sender's own copy" })),
  seq: Type.Optional(Type.Integer()),
  createdAt: Time,
  duplicate: Type.Boolean()
})

export const VolatileAnswer = Type.Object({ id: Type.String(), createdAt: Time })
