/** Events of one socket are answered one after the other, and not faster than it reads its answers. */
import type { Socket } from 'socket.io'
import { GatepostError, shown, type ErrorCode } from '../../../../shared/contract/errors.js'
import type { ReadGuard } from './flood-guard.js'
import type { Connection } from '../connection.js'

/** Answers events of one name, in their order. The promises may reject. */
export type AnswerEvents = (connection: Connection, event: string, payloads: readonly unknown[]) => ReadonlyArray<Promise<unknown>>

export interface EventRules {
  /** Other events are not found. */
  readonly names: ReadonlySet<string>
  /** Of which those that wait together are answered together. */
  readonly grouped: string
  readonly answerAll: AnswerEvents
  readonly toError: (error: unknown) => unknown
  /** What one event can bring. */
  readonly maxEventBytes: number
}

interface WaitingEvent { readonly event: string, readonly payload: unknown, readonly bytes: number, readonly answer: (answer: unknown) => void }

/** Over these no more is read. One read brings up to 64 KiB, some thousands of small events; one POST of a poller up to 1 MB. */
const pausingEvents = 256
const pausingBytes = 256 * 1024
/** Beyond these an event is refused: more than what a client has gathered while it was away, or a transport that cannot be paused. */
const maxWaitingEvents = 4_096
const maxWaitingBytes = 4 << 20
/** So many are answered together. */
const maxGrouped = 256

const unanswered = (): void => {}

export class EventQueue {
  readonly #socket: Socket
  readonly #connection: Connection
  readonly #readGuard: ReadGuard
  readonly #rules: EventRules
  #waiting: WaitingEvent[] = []
  #waitingBytes = 0
  #isServing = false

  constructor ({ socket, connection, readGuard, rules }: { socket: Socket, connection: Connection, readGuard: ReadGuard, rules: EventRules }) {
    this.#socket = socket
    this.#connection = connection
    this.#readGuard = readGuard
    this.#rules = rules
    readGuard.take() // the handshake's
    // One listener instead of one for each event: there are as many of these as sockets.
    socket.onAny((event: string, ...args: unknown[]) => { this.#take(event, args) })
  }

  #take (event: string, args: readonly unknown[]): void {
    const { names, toError, maxEventBytes } = this.#rules
    const last = args.at(-1)
    const answer = typeof last === 'function' ? last as (answer: unknown) => void : unanswered
    const refuse = (code: ErrorCode, message: string): void => { answer({ error: toError(new GatepostError(code, message)) }) }
    // Of events that came together the first has the bytes of all.
    const bytes = Math.min(this.#readGuard.take(), maxEventBytes)
    if (!names.has(event)) { refuse('GP_NOT_FOUND', `event: got ${shown(event)}; takes ${[...names].join(', ')}`); return }
    if (this.#waiting.length >= maxWaitingEvents || this.#waitingBytes + bytes > maxWaitingBytes) {
      refuse('GP_OVERLOADED', `events: ${this.#waiting.length} of this socket wait for their answers; send it again after some of them`)
      return
    }
    this.#waiting.push({ event, payload: typeof last === 'function' && args.length === 1 ? undefined : args[0], bytes, answer })
    this.#waitingBytes += bytes
    if (this.#isCrowded()) this.#readGuard.setPaused(true)
    if (!this.#isServing) void this.#serve()
  }

  #isCrowded (): boolean { return this.#waiting.length > pausingEvents || this.#waitingBytes > pausingBytes }

  async #serve (): Promise<void> {
    const { grouped, answerAll, toError } = this.#rules
    this.#isServing = true
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const crowded = this.#connection.drained()
      if (crowded !== undefined) await crowded
      if (!this.#socket.connected) { this.#waiting = []; break }
      let count = 1
      if (first.event === grouped) while (count < maxGrouped && this.#waiting[count]?.event === grouped) count++
      const events = this.#waiting.slice(0, count)
      const results = answerAll(this.#connection, first.event, events.map(({ payload }) => payload))
      await Promise.all(events.map(async ({ answer }, i) => {
        try { answer(await results[i]) } catch (error) { answer({ error: toError(error) }) }
      }))
      for (const { bytes } of this.#waiting.splice(0, count)) this.#waitingBytes -= bytes
      if (!this.#isCrowded()) this.#readGuard.setPaused(false)
    }
    this.#isServing = false
  }
}
