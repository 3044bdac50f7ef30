import { IdempotencyKey, parseMessage } from '../../shared/contract/message.js'
import type { RefusedMessage } from '../../shared/contract/node-rpc.js'
import { GatepostError, refusalInWords } from '../../shared/contract/errors.js'
import { createValidator } from '../../shared/contract/validate.js'
import type { Draft } from './submit.js'

export const maxBatchMessages = 1_000

const validateKey = createValidator(IdempotencyKey)
export const readKey = (value: unknown, field: string): string | undefined => value === undefined ? undefined : validateKey(value, field)

/** Each item's draft, or why it is none. Throws GP_VALIDATION where there are none or too many. */
export function readBatch (items: readonly unknown[]): Array<Draft | RefusedMessage> {
  if (items.length === 0 || items.length > maxBatchMessages) throw refusalInWords('body', `${items.length} messages`, `1 to ${maxBatchMessages} messages`)
  return items.map(item => {
    try {
      if (typeof item !== 'object' || item === null || !Object.hasOwn(item, 'idempotencyKey')) return { message: parseMessage(item), idempotencyKey: undefined }
      const { idempotencyKey, ...message } = item as Record<string, unknown>
      return { message: parseMessage(message), idempotencyKey: readKey(idempotencyKey, 'idempotencyKey') }
    } catch (error) {
      if (!(error instanceof GatepostError)) throw error
      return { status: error.statusCode, code: error.code, message: error.message }
    }
  })
}

export const isDraft = (item: Draft | RefusedMessage): item is Draft => 'idempotencyKey' in item
