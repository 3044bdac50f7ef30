/** Distinct texts in order, in runs of bounded length: one more or less moves a few hundred of them, not a hundred thousand. */
import { firstIndex } from './sorted.js'

export interface SortedTexts {
  /** The text must not be in it. */
  add: (text: string) => void
  remove: (text: string) => void
  beginningWith: (prefix: string) => Generator<string>
}

const longestRun = 512

export function createSortedTexts (): SortedTexts {
  /** None of them empty, but for the only one. */
  const runs: string[][] = [[]]

  /** The run that has the text, or in which it belongs. */
  const runOf = (text: string): number => Math.min(runs.length - 1, firstIndex(runs.length, at => (runs[at]!.at(-1) ?? text) < text))
  const indexIn = (run: readonly string[], text: string): number => firstIndex(run.length, at => run[at]! < text)

  return {
    add: text => {
      const at = runOf(text)
      const run = runs[at]!
      run.splice(indexIn(run, text), 0, text)
      if (run.length > longestRun) runs.splice(at + 1, 0, run.splice(longestRun >> 1))
    },
    remove: text => {
      const at = runOf(text)
      const run = runs[at]!
      const index = indexIn(run, text)
      if (run[index] !== text) return
      run.splice(index, 1)
      if (run.length === 0 && runs.length > 1) runs.splice(at, 1)
    },
    beginningWith: function * (prefix) {
      for (let at = runOf(prefix), index = indexIn(runs[at]!, prefix); at < runs.length; at++, index = 0) {
        const run = runs[at]!
        for (; index < run.length; index++) {
          if (!run[index]!.startsWith(prefix)) return
          yield run[index]!
        }
      }
    }
  }
}
