/**
 * The client library declares what goes over the wire by itself, since its package stands alone. Here each of its types is
 * compared with the servers' schema: `npm run check:types` fails where they differ. There is nothing to run.
 */
import type { Static } from 'typebox'
import type { retryOfServerCode } from '../../clients/errors.js'
import type * as client from '../../clients/protocol.js'
import type { RetryOfCode } from '../../shared/contract/errors.js'
import type { Message, Target } from '../../shared/contract/message.js'
import type { Assignment, MessageEntry, Page, PostedAnswer, UnreadAnswer, VolatileAnswer } from '../../shared/contract/wire.js'

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T
type Same<A, B> = [Frozen<A>] extends [Frozen<B>] ? [Frozen<B>] extends [Frozen<A>] ? true : never : never
/** Whatever the server answers fits the client's type, which promises its readers less. */
type Takes<A, B> = [Frozen<B>] extends [Frozen<A>] ? true : never

/** One line for each; a difference is "Type 'true' is not assignable to type 'never'". */
export const same: {
  readonly errors: Same<typeof retryOfServerCode, RetryOfCode>
  readonly target: Same<client.Target, Target>
  readonly outgoing: Same<client.ProducerMessage, Message>
  readonly entry: Same<client.MessageEntry, Static<typeof MessageEntry>>
  readonly page: Takes<client.Page, Static<typeof Page>>
  readonly unread: Same<client.UnreadCount, Static<typeof UnreadAnswer>>
  readonly sent: Takes<client.SendAnswer, Static<typeof PostedAnswer> | Static<typeof VolatileAnswer>>
  readonly assignment: Same<client.Assignment, Static<typeof Assignment>>
} = { errors: true, target: true, outgoing: true, entry: true, page: true, unread: true, sent: true, assignment: true }
