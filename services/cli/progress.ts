export interface Progress {
  show: (text: string) => void
  /** A line that stays. */
  note: (text: string) => void
  /** Leaves the last line as it is. */
  end: () => void
}

/** One line that is rewritten on a terminal; elsewhere a line each time, no more than one each `plainEveryMs`. */
export function createProgress ({ write, isTerminal, now, plainEveryMs = 1_000 }: { write: (text: string) => void, isTerminal: boolean, now: () => number, plainEveryMs?: number }): Progress {
  let shownAtMs = -Infinity
  let isOpen = false
  function end (): void {
    if (isOpen) write('\n')
    isOpen = false
  }
  return {
    show (text) {
      if (isTerminal) {
        write(`\r\x1b[K${text}`)
        isOpen = true
      } else if (now() - shownAtMs >= plainEveryMs) {
        shownAtMs = now()
        write(`${text}\n`)
      }
    },
    note (text) {
      end()
      write(`${text}\n`)
    },
    end
  }
}
