/**
 * What an error of the driver says about a write:
 * `not-sent` (surely never reached a server), `refused` (a server said no and stored nothing),
 * `ambiguous` (may be stored, may still be on its way).
 */
import { MongoError, MongoInvalidArgumentError, MongoNetworkError, MongoServerError } from 'mongodb'

export type WriteDoubt = 'not-sent' | 'refused' | 'ambiguous'

export const duplicateKey = 11000

/** Server errors that leave a write open: a primary that steps down or shuts down, time-outs, lost links behind a mongos. */
const ambiguousCodes = new Set([
  6, 7, 24, 50, 63, 64, 79, 82, 89, 91, 100, 133, 150, 189, 202, 234, 262, 290, 384, 402, 9001, 10058, 10107, 11600, 11601, 11602, 13388, 13435, 13436
])
export const isAmbiguousCode = (code: number | undefined): boolean => code === undefined || ambiguousCodes.has(code)

const beforeSending = new Set(['MongoServerSelectionError', 'MongoWaitQueueTimeoutError', 'MongoPoolClearedError', 'MongoPoolClosedError', 'MongoNotConnectedError', 'MongoTopologyClosedError'])

export function classifyWriteError (error: unknown): WriteDoubt {
  if (!(error instanceof MongoError)) return error instanceof RangeError || (error as Error).name.startsWith('BSON') ? 'refused' : 'ambiguous'
  if (beforeSending.has(error.name)) return 'not-sent'
  if (error instanceof MongoNetworkError) return error.hasErrorLabel('HandshakeError') ? 'not-sent' : 'ambiguous'
  if (error instanceof MongoInvalidArgumentError) return 'refused'
  if (error instanceof MongoServerError) return isAmbiguousCode(typeof error.code === 'number' ? error.code : undefined) ? 'ambiguous' : 'refused'
  return 'ambiguous'
}
