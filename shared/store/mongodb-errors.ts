/**
 * What an error of the driver says about a write:
 * `not-sent` (surely never reached a server), `refused` (a server said no and stored nothing),
 * `ambiguous` (may be stored, may still be on its way).
 */
import { MongoError, MongoInvalidArgumentError, MongoNetworkError, MongoServerError } from 'mongodb'

export type WriteDoubt = 'not-sent' | 'refused' | 'ambiguous'

export const duplicateKey = 11000

/**
 * A server that answers with one of these has surely not stored the document, and would say the same again. All
 * others leave it open (elections, shutdowns, time-outs, moved chunks, lost links behind a mongos, codes of servers to
 * come): then the same is sent again, which does no harm.
 */
const refusedCodes = new Set([
  2, 9, 13, 14, 15, 16, 18, 22, 53, 59, 61, 66, 72, 73, 115, 121, 166, 238, // BadValue, Unauthorized, DocumentValidationFailure and the like
  8000, 10334, 14031, 17280 // refused by Atlas, too large, disk full, key too long
])
export const isAmbiguousCode = (code: number | undefined): boolean => code === undefined || !refusedCodes.has(code)

/** Chunks have moved, as the shard says; mongos mostly deals with it itself. */
const movedCodes = new Set([63, 150, 249, 13388])
export const tellsOfMovedChunks = (error: unknown): boolean => movedCodes.has((error as { code?: number }).code ?? 0)

const beforeSending = new Set(['MongoServerSelectionError', 'MongoWaitQueueTimeoutError', 'MongoPoolClearedError', 'MongoPoolClosedError', 'MongoNotConnectedError', 'MongoTopologyClosedError'])

export function classifyWriteError (error: unknown): WriteDoubt {
  if (!(error instanceof MongoError)) return error instanceof RangeError || (error as Error).name.startsWith('BSON') ? 'refused' : 'ambiguous'
  // The server's word, also for an error that would leave it open otherwise.
  if (beforeSending.has(error.name) || error.hasErrorLabel('NoWritesPerformed')) return 'not-sent'
  if (error instanceof MongoNetworkError) return error.hasErrorLabel('HandshakeError') ? 'not-sent' : 'ambiguous'
  if (error instanceof MongoInvalidArgumentError) return 'refused'
  if (error instanceof MongoServerError) return isAmbiguousCode(typeof error.code === 'number' ? error.code : undefined) ? 'ambiguous' : 'refused'
  return 'ambiguous'
}
