/** Collects the questions of one turn of the event loop and asks them together. */
export interface TickGroup<Q, A> {
  ask: (questions: readonly Q[]) => Promise<A[]>
}

/** `answer` gets at most `limit` questions at once and gives an answer for each, in order. */
export function createTickGroup<Q, A> (limit: number, answer: (questions: readonly Q[]) => Promise<readonly A[]>): TickGroup<Q, A> {
  interface Asker { questions: readonly Q[], resolve: (answers: A[]) => void, reject: (error: unknown) => void }
  let waiting: Asker[] = []

  async function flush (): Promise<void> {
    const askers = waiting
    waiting = []
    try {
      const questions = askers.flatMap(asker => asker.questions)
      const groups: Array<Promise<readonly A[]>> = []
      for (let from = 0; from < questions.length; from += limit) groups.push(answer(questions.slice(from, from + limit)))
      const answers = (await Promise.all(groups)).flat()
      let from = 0
      for (const { questions, resolve } of askers) resolve(answers.slice(from, from += questions.length))
    } catch (error) {
      for (const asker of askers) asker.reject(error)
    }
  }

  return {
    ask: async questions => {
      if (questions.length === 0) return []
      return await new Promise((resolve, reject) => {
        waiting.push({ questions, resolve, reject })
        if (waiting.length === 1) setImmediate(() => { void flush() })
      })
    }
  }
}
