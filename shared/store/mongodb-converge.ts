/** Bringing about what several processes bring about at once. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Document } from 'mongodb'
import { isAnswer, unauthorized } from './mongodb-errors.js'

/** What no further try can change: Unauthorized, AuthenticationFailed, CommandNotFound, CommandNotSupported. */
const finalCodes = new Set<unknown>([unauthorized, 18, 59, 115])
const maxPauseMs = 500

/** How much longer it may be waited for others, over all that shares it. */
export interface Patience { leftMs: number }

/** Left undone for no reason that a server gave. */
export class Undone extends Error {}

/**
 * Runs the command that `next` names until it names none. What counts is what is there, never what a server says of a command:
 * what is done already is refused in other words, with another code or with none, from version to version, and another
 * process may be doing the same. What nobody has brought forward is tried again, with pauses, as long as there is patience.
 * Rejects with the last refusal, or where there was no answer.
 */
export async function converge (next: () => Promise<Document | undefined>, run: (command: Document) => Promise<unknown>, patience: Patience): Promise<void> {
  let last = ''
  let again = 0
  let refusal: Error | undefined
  let isFinal = false
  for (let command = await next(); command !== undefined; command = await next()) {
    const text = JSON.stringify(command)
    again = text === last ? again + 1 : 0
    last = text
    if (again > 0) {
      if (isFinal || patience.leftMs <= 0) throw refusal ?? new Undone(`${text} was answered with ok and did nothing`)
      // Others who were refused pause as well, and not for as long.
      const pauseMs = Math.min(maxPauseMs, 100 * again) + Math.random() * 200
      patience.leftMs -= pauseMs
      await pause(pauseMs)
    }
    refusal = undefined
    isFinal = false
    try {
      await run(command)
    } catch (error) {
      if (!isAnswer(error)) throw error
      refusal = error
      isFinal = finalCodes.has(error.code)
    }
  }
}
