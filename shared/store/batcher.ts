import { addTo } from '../platform/group-by.js'

/** Collects the requests of one turn of the event loop and sends them together. */
export interface Batcher<Request, Reply> {
  ask: (requests: readonly Request[]) => Promise<Reply[]>
}

/**
 * `serve` gets at most `limit` requests at once, all of one shard, and returns a reply for each, in order. A caller
 * waits for the shards of its own requests only: one that is slow or away does not hold up the others.
 */
export function createBatcher<Request, Reply> (limit: number, serve: (requests: readonly Request[]) => Promise<readonly Reply[]>, shardOf: (request: Request) => string = () => ''): Batcher<Request, Reply> {
  interface Caller { requests: readonly Request[], replies: Reply[], open: number, resolve: (replies: Reply[]) => void, reject: (error: unknown) => void }
  interface Waiting { request: Request, caller: Caller, at: number }
  let waiting: Caller[] = []

  async function run (part: readonly Waiting[]): Promise<void> {
    try {
      const replies = await serve(part.map(({ request }) => request))
      for (const [index, { caller, at }] of part.entries()) {
        caller.replies[at] = replies[index] as Reply
        if (--caller.open === 0) caller.resolve(caller.replies)
      }
    } catch (error) {
      for (const { caller } of part) caller.reject(error)
    }
  }

  function flush (): void {
    const shards = new Map<string, Waiting[]>()
    for (const caller of waiting) {
      for (const [at, request] of caller.requests.entries()) addTo(shards, shardOf(request), { request, caller, at })
    }
    waiting = []
    for (const part of shards.values()) {
      for (let from = 0; from < part.length; from += limit) void run(part.slice(from, from + limit))
    }
  }

  return {
    ask: async requests => {
      if (requests.length === 0) return []
      return await new Promise((resolve, reject) => {
        waiting.push({ requests, replies: new Array<Reply>(requests.length), open: requests.length, resolve, reject })
        if (waiting.length === 1) setImmediate(flush)
      })
    }
  }
}
