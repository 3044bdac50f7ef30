/**
 * What a node tells of itself with every heartbeat and its `bye`, as JSON. Whatever else lies on the bus is read
 * without trust: anything malformed is no announcement.
 */
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { currentForm, isKnownForm } from '../../shared/contract/form.js'
import { isName } from '../../shared/contract/names.js'

const text = (maxLength: number): ReturnType<typeof Type.String> => Type.String({ maxLength })
const amount = Type.Number({ minimum: 0 })
const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

const Heartbeat = Type.Object({
  id: Type.String({ minLength: 1 }),
  url: text(2048),
  weight: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 }),
  version: text(128),
  startedAt: whole,
  state: Type.Union([Type.Literal('up'), Type.Literal('draining')]),
  /** It announces `draining` since its clock is off: it still serves. Absent otherwise, and in version 0.1. */
  isClockOff: Type.Optional(Type.Boolean()),
  load: Type.Object({
    sockets: amount,
    users: amount,
    messagesPerSecond: amount,
    eventLoopLagMs: amount,
    rssBytes: amount,
    store: text(256),
    dispatch: text(256),
    /** These two are absent in version 0.1. */
    process: Type.Optional(text(64)),
    refusalsPerSecond: Type.Optional(amount)
  }),
  /** How many numbered broadcasts this life of the node has sent so far. */
  sent: whole,
  /** The node's logical wall time. Older nodes take their own forward by it. */
  time: whole,
  /** How far this node has read the log of revocations: a seq; null until it has. Absent in version 0.1. */
  revocations: Type.Optional(Type.Union([whole, Type.Null()])),
  /** How long ago, in ms, this node heard of one that does not sign (bus-trust.ts); absent where it did not. */
  unsignedAgoMs: Type.Optional(whole),
  /** By interest: what it has pushed since its heartbeat before (pushed-heads.ts). Absent by broadcast. */
  pushed: Type.Optional(Type.Object({ since: whole, heads: Type.Optional(Type.String()) }))
})
export type Heartbeat = Static<typeof Heartbeat>

const compiled = Compile(Heartbeat)

export const writeHeartbeat = (announcement: Heartbeat): Uint8Array => Buffer.from(JSON.stringify({ form: currentForm, ...announcement }), 'utf8')

/** Whose it is and its form, where that is newer than those known here. */
export interface NewerHeartbeat { readonly id: string, readonly newerForm: unknown }

/** Undefined for what is no announcement. Unknown fields are left alone: a newer version may send more. */
export function readHeartbeat (payload: Uint8Array): Heartbeat | NewerHeartbeat | undefined {
  let value: unknown
  try { value = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8')) } catch { return undefined }
  const { id, form } = Object(value) as { id?: unknown, form?: unknown }
  if (!isName(id)) return undefined
  if (!isKnownForm(form)) return { id, newerForm: form }
  return compiled.Check(value) ? value : undefined
}
