export interface Progress {
  show: (text: string) => void
  /** Leaves the last line as it is. */
  end: () => void
}

/** One line that is rewritten on a terminal; elsewhere a line each time, no more than one a second. */
export function createProgress ({ write, isTerminal, now }: { write: (text: string) => void, isTerminal: boolean, now: () => number }): Progress {
  let shownAtMs = -Infinity
  let isOpen = false
  return {
    show (text) {
      if (isTerminal) {
        write(`\r\x1b[K${text}`)
        isOpen = true
      } else if (now() - shownAtMs >= 1_000) {
        shownAtMs = now()
        write(`${text}\n`)
      }
    },
    end () {
      if (isOpen) write('\n')
      isOpen = false
    }
  }
}
