import { placeOfEntry } from '../../../../shared/store/store.js'
import type { Posted } from '../../mailbox/commands/post.js'

/** What a sender is answered, over REST or a socket. */
export function answerPosted ({ id, createdAt, duplicate, isVolatile, copy }: Posted): { status: 200 | 201 | 202, body: object } {
  if (isVolatile) return { status: 202, body: { id, createdAt } }
  const body = copy === undefined ? { id, createdAt, duplicate } : { id, stream: placeOfEntry(copy.key).stream, seq: copy.seq, createdAt, duplicate }
  return { status: duplicate ? 200 : 201, body }
}
