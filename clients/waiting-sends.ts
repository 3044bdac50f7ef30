/** A user's sends that wait, and how the storage keeps them. */
import type { GatepostError } from './errors.js'
import type { OutgoingMessage, SendAnswer } from './protocol.js'

export interface WaitingSend {
  key: string
  message: OutgoingMessage
  /** When the first try began, ms since the epoch. */
  attemptedAtMs?: number
  internalErrors: number
  settle: (outcome: SendAnswer | GatepostError) => void
}

export type StoredSend = Pick<WaitingSend, 'key' | 'message' | 'attemptedAtMs'>

export const asStored = (waiting: readonly WaitingSend[]): StoredSend[] =>
  waiting.map(({ key, message, attemptedAtMs }) => ({ key, message, ...attemptedAtMs === undefined ? {} : { attemptedAtMs } }))

/** What the storage holds: only what can be a send is taken. */
export function storedSends (value: unknown): StoredSend[] {
  if (!Array.isArray(value)) return []
  return value.filter(item => {
    const { key, message } = (item ?? {}) as { key?: unknown, message?: unknown }
    return typeof key === 'string' && typeof message === 'object' && message !== null
  }) as StoredSend[]
}

/** Those of `stored` that do not wait already. */
export function without (stored: readonly StoredSend[], waiting: readonly StoredSend[]): StoredSend[] {
  const known = new Set(waiting.map(({ key }) => key))
  return stored.filter(({ key }) => !known.has(key))
}
