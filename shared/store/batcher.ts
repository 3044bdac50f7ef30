import { addTo } from '../platform/group-by.js'

/** Collects the questions of one turn of the event loop and asks them together. */
export interface Batcher<Q, A> {
  ask: (questions: readonly Q[]) => Promise<A[]>
}

/**
 * `answer` gets at most `limit` questions at once, all of one shard, and gives an answer for each, in order. Who asks
 * waits for the shards of their own questions only: one that is slow or away does not hold up the others.
 */
export function createBatcher<Q, A> (limit: number, answer: (questions: readonly Q[]) => Promise<readonly A[]>, shardOf: (question: Q) => string = () => ''): Batcher<Q, A> {
  interface Asker { questions: readonly Q[], answers: A[], open: number, resolve: (answers: A[]) => void, reject: (error: unknown) => void }
  interface Asked { question: Q, asker: Asker, at: number }
  let waiting: Asker[] = []

  async function run (part: readonly Asked[]): Promise<void> {
    try {
      const answers = await answer(part.map(({ question }) => question))
      for (const [index, { asker, at }] of part.entries()) {
        asker.answers[at] = answers[index] as A
        if (--asker.open === 0) asker.resolve(asker.answers)
      }
    } catch (error) {
      for (const { asker } of part) asker.reject(error)
    }
  }

  function flush (): void {
    const shards = new Map<string, Asked[]>()
    for (const asker of waiting) {
      for (const [at, question] of asker.questions.entries()) addTo(shards, shardOf(question), { question, asker, at })
    }
    waiting = []
    for (const asked of shards.values()) {
      for (let from = 0; from < asked.length; from += limit) void run(asked.slice(from, from + limit))
    }
  }

  return {
    ask: async questions => {
      if (questions.length === 0) return []
      return await new Promise((resolve, reject) => {
        waiting.push({ questions, answers: new Array<A>(questions.length), open: questions.length, resolve, reject })
        if (waiting.length === 1) setImmediate(flush)
      })
    }
  }
}
