/**
 * The arcs that this node listens to, since it reads a stream in them, and the streams themselves, by which it knows what it has lost.
 *
 * | an arc is | means | left by |
 * | --- | --- | --- |
 * | `asked` | subscribed to, the server has not answered yet | its answer, or too long without one → `heard` |
 * | `heard` | all that is pushed over it comes | its last reader left → `idle` |
 * | `idle` | the same, for nobody | a reader came → `heard`; a whole sweep has passed → unsubscribed |
 *
 * Nothing rests on a subscription: what does not come is in the heads that heartbeats carry. So whoever opens a stream waits for the server's
 * answer, but not for a server that gives none.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { StreamId } from '../../../shared/contract/names.js'
import { arcOf, nobody, streamMark, type Subjects } from '../../../shared/contract/subjects.js'
import type { Log } from '../../../shared/platform/log.js'
import type { Bus } from '../buses/bus.js'
import type { Dispatch, Listening } from '../dispatch.js'
import { readArcMessage } from './arc-message.js'
import type { BroadcastReceiver } from './broadcast-receiver.js'
import { readHeads } from './pushed-heads.js'

export interface Interest {
  readonly listen: NonNullable<Dispatch['listen']>
  /** Another node says what it has pushed. False where it cannot be read. */
  heardHeads: (heads: string, onBehind: (stream: StreamId) => void) => boolean
  /** Arcs that are subscribed to. */
  readonly arcs: number
  close: () => void
}

export interface InterestOptions {
  readonly bus: Pick<Bus, 'subscribe' | 'isConnected' | 'roundTrip'>
  readonly subjects: Pick<Subjects, 'arc'>
  readonly onPush: BroadcastReceiver['arrived']
  readonly log: Log
  readonly sweepMs?: number
}

interface Arc { readers: number, answered: Promise<void> | undefined, isSwept: boolean, readonly unsubscribe: () => void }
interface Reader { readonly stream: StreamId, readonly hears: (seq: number) => boolean }

/** An arc without a reader stays for one of these, and at most two: users come back, and move within an arc. */
const defaultSweepMs = 30_000
const longestAnswerMs = 500

export function createInterest ({ bus, subjects, onPush, log, sweepMs = defaultSweepMs }: InterestOptions): Interest {
  const arcs = new Map<string, Arc>()
  /** By the mark of their stream; hardly ever more than one. */
  const readers = new Map<number, readonly Reader[]>()
  let answer: Promise<void> | undefined

  const handle = (_subject: string, payload: Uint8Array): void => {
    const message = readArcMessage(payload)
    if (message !== undefined) onPush(message.from, message.token, message.payload)
    else log.debug({ event: 'malformed-push' }, 'something on the bus is no push')
  }

  /** One flush for all that a turn subscribes to. Never rejects: a link that breaks takes its subscriptions with it, and brings them back. */
  function nextAnswer (): Promise<void> {
    answer ??= new Promise(resolve => {
      setImmediate(() => {
        answer = undefined
        void Promise.race([bus.roundTrip().catch(() => undefined), sleep(longestAnswerMs, undefined, { ref: false })]).then(() => { resolve() })
      })
    })
    return answer
  }

  function subscribe (name: string): Arc {
    const arc: Arc = { readers: 0, answered: undefined, isSwept: false, unsubscribe: bus.subscribe(subjects.arc(name), handle) }
    arcs.set(name, arc)
    if (bus.isConnected) arc.answered = nextAnswer().then(() => { arc.answered = undefined })
    return arc
  }

  /** Returns what takes it out. */
  function enter (reader: Reader): () => void {
    const mark = streamMark(reader.stream)
    readers.set(mark, [...readers.get(mark) ?? [], reader])
    return () => {
      const others = readers.get(mark)?.filter(other => other !== reader) ?? []
      if (others.length === 0) readers.delete(mark)
      else readers.set(mark, others)
    }
  }

  function sweep (): void {
    for (const [name, arc] of arcs) {
      if (arc.readers > 0) continue
      if (arc.isSwept) {
        arc.unsubscribe()
        arcs.delete(name)
      } else arc.isSwept = true
    }
  }
  const timer = setInterval(sweep, sweepMs).unref()
  /** A login that may not listen to arcs shows at the start, and not at the first user. */
  const stopProbe = bus.subscribe(subjects.arc(nobody), () => {})

  return {
    listen (stream, hears) {
      const leave = enter({ stream, hears })
      const name = arcOf(stream)
      if (name === undefined) return { comes: undefined, stop: leave }
      const arc = arcs.get(name) ?? subscribe(name)
      arc.readers++
      arc.isSwept = false
      return { comes: arc.answered, stop: () => { leave(); arc.readers-- } } satisfies Listening
    },
    heardHeads: (heads, onBehind) => readHeads(heads, readers, (concerned, seq) => {
      for (const { stream, hears } of concerned) if (!hears(seq)) onBehind(stream)
    }),
    get arcs () { return arcs.size },
    close () {
      clearInterval(timer)
      stopProbe()
      for (const { unsubscribe } of arcs.values()) unsubscribe()
      arcs.clear()
    }
  }
}
