/**
 * What an error of the driver says. About a write:
 * `not-sent` (surely not stored, another try may do), `refused` (a server said no and stored nothing),
 * `ambiguous` (may be stored, may still be on its way).
 */
import { MongoError, MongoInvalidArgumentError, MongoNetworkError, MongoServerError } from 'mongodb'

export type WriteDoubt = 'not-sent' | 'refused' | 'ambiguous'

export const duplicateKey = 11000
export const unauthorized = 13

/** A server said no. Not every such answer has a code (a mongos's `split` at a border that exists); an error that is none of them is no answer. */
export const isAnswer = (error: unknown): error is MongoServerError => error instanceof MongoServerError

/**
 * Disk full: OutOfDiskSpace; UserWritesBlocked, by which services and operators stop writing before it comes to that; Atlas says
 * it in words. Nothing was stored, and reading goes on.
 */
const fullCodes = new Set([14031, 371])
const atlasError = 8000
export const tellsOfFullDisk = ({ code, errmsg, message = errmsg }: { readonly code?: unknown, readonly errmsg?: string, readonly message?: string }): boolean =>
  fullCodes.has(code as number) || (code === atlasError && /space quota/i.test(message ?? ''))

/**
 * A server that answers with one of these has surely not stored the document, and would say the same again. All
 * others leave it open (elections, shutdowns, time-outs, moved chunks, lost links behind a mongos, codes of servers to
 * come): then the same is sent again, which does no harm.
 */
const refusedCodes = new Set([
  2, 9, 13, 14, 15, 16, 18, 22, 53, 59, 61, 66, 72, 73, 115, 121, 166, 238, // BadValue, Unauthorized, DocumentValidationFailure and the like
  10334, 17280, // too large, key too long
  atlasError, ...fullCodes
])
/** FailedToSatisfyReadPreference: a mongos knows no primary of that shard, so it has sent nothing. It never tries a second time what has no transaction number. */
const notSentCodes = new Set([133])

export const doubtOfCode = (code: number | undefined): WriteDoubt =>
  code === undefined ? 'ambiguous' : refusedCodes.has(code) ? 'refused' : notSentCodes.has(code) ? 'not-sent' : 'ambiguous'

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
  if (isAnswer(error)) return doubtOfCode(typeof error.code === 'number' ? error.code : undefined)
  return 'ambiguous'
}
