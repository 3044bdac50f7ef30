/**
 * Asks publishers which streams the broadcasts lie in that did not arrive here: one request per publisher at a
 * time, a bounded number at once, each after a random wait, because a restart of NATS makes everyone ask everyone.
 * What fails is asked again at the publisher's next heartbeat.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { NodeId, StreamId } from '../../../shared/contract/names.js'
import type { Publisher, ReceiveCounters } from './receive-counters.js'
import type { PublishLog } from './publish-log.js'

export const gapQueryKind = 'dispatch.lost'

const Request = Compile(Type.Object({
  startedAt: Type.Integer(),
  after: Type.Integer({ minimum: 0 }),
  /** From the second page on: what the first answer said. */
  upTo: Type.Optional(Type.Integer({ minimum: 0 })),
  skip: Type.Integer({ minimum: 0 })
}))

const Answer = Compile(Type.Object({
  upTo: Type.Integer({ minimum: 0 }),
  /** Absent: it is not known any more. */
  streams: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
  hasMore: Type.Boolean()
}))

/** The publisher's side. `mark` ends the current segment, so that `upTo` is a border. */
export function answerGapQuery ({ startedAt, publishLog, mark, maxAnswerBytes }: { startedAt: number, publishLog: PublishLog, mark: () => void, maxAnswerBytes: number }): (body: unknown) => Promise<unknown> {
  return async body => {
    if (!Request.Check(body) || body.startedAt !== startedAt) return { upTo: publishLog.count, hasMore: false }
    if (body.upTo === undefined) mark()
    const upTo = body.upTo ?? publishLog.count
    const streams = publishLog.streamsBetween(body.after, upTo)
    if (streams === undefined) return { upTo, hasMore: false }
    const page: string[] = []
    let bytes = 0
    for (let index = body.skip; index < streams.length; index++) {
      const stream = streams[index] as string
      bytes += Buffer.byteLength(JSON.stringify(stream)) + 1
      if (bytes > maxAnswerBytes && page.length > 0) break
      page.push(stream)
    }
    return { upTo, streams: page, hasMore: body.skip + page.length < streams.length }
  }
}

export interface GapQuery {
  /** Something of this publisher is in doubt. */
  ask: (publisher: Publisher) => void
  close: () => void
}

export function createGapQuery (deps: {
  receiveCounters: ReceiveCounters
  ask: (node: NodeId, body: unknown) => Promise<unknown>
  onStreams: (streams: readonly StreamId[]) => void
  onUnknown: () => void
  onFailure: (publisher: Publisher, error: unknown) => void
  jitterMs: number
  maxAtOnce?: number
}): GapQuery {
  const { receiveCounters, ask, onStreams, onUnknown, onFailure, jitterMs, maxAtOnce = 32 } = deps
  const waiting: Publisher[] = []
  const busy = new Set<string>()
  const closed = new AbortController()
  let active = 0

  function next (): void {
    while (active < maxAtOnce && !closed.signal.aborted) {
      const publisher = waiting.shift()
      if (publisher === undefined) return
      active++
      void inquire(publisher).finally(() => {
        active--
        busy.delete(publisher.life)
        next()
      })
    }
  }

  /** Never rejects. */
  async function inquire (publisher: Publisher): Promise<void> {
    try {
      await sleep(Math.random() * jitterMs, undefined, { signal: closed.signal, ref: false })
      while (publisher.doubted !== undefined && !closed.signal.aborted) {
        const { after } = publisher.doubted
        let skip = 0
        let upTo: number | undefined
        for (let hasMore = true; hasMore;) {
          const answer = await ask(publisher.node, { startedAt: publisher.startedAt, after, skip, ...(upTo === undefined ? {} : { upTo }) })
          if (closed.signal.aborted) return
          if (!Answer.Check(answer)) throw new Error('malformed answer')
          upTo = answer.upTo
          hasMore = answer.hasMore && answer.streams !== undefined && answer.streams.length > 0
          skip += answer.streams?.length ?? 0
          if (answer.streams === undefined) onUnknown()
          else if (answer.streams.length > 0) onStreams(answer.streams as StreamId[])
        }
        // An answer that does not reach what is in doubt could be repeated for ever.
        if (upTo === undefined || upTo <= after) upTo = Infinity
        receiveCounters.resolve(publisher, upTo)
      }
    } catch (error) {
      if (!closed.signal.aborted) onFailure(publisher, error)
    }
  }

  return {
    ask (publisher) {
      if (busy.has(publisher.life) || closed.signal.aborted) return
      busy.add(publisher.life)
      waiting.push(publisher)
      next()
    },
    close () { closed.abort() }
  }
}
