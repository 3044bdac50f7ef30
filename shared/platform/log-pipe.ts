/**
 * Lines into a pipe, written in the same turn where it takes them. A pipe whose reader has stopped reading would stop the whole
 * process, and SIGTERM would not end it: what the pipe does not take waits here instead, and beyond a bound lines are dropped and counted.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs'

export interface LinePipe { readonly write: (line: string) => void }

const maxWaitingBytes = 1 << 20
const tryAgainMs = 50
/** For the last lines, when the process exits. */
const exitMs = 200

/** Undefined where this descriptor is no pipe: a terminal, a file or a socket. */
export function openPipe (fd: number): LinePipe | undefined {
  try {
    if (!fstatSync(fd).isFIFO()) return undefined
    // Opened anew, so that whoever else has this pipe still writes as before (Linux; elsewhere it cannot be).
    return createLinePipe(openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch { return undefined }
}

function createLinePipe (fd: number): LinePipe {
  const waiting: Buffer[] = []
  let waitingBytes = 0
  let dropped = 0
  let timer: NodeJS.Timeout | undefined

  const add = (line: string): void => {
    const bytes = Buffer.from(line)
    waiting.push(bytes)
    waitingBytes += bytes.length
  }

  /** False where the pipe takes no more now. */
  function flush (): boolean {
    for (let [first] = waiting; first !== undefined; [first] = waiting) {
      let written = first.length
      try { written = writeSync(fd, first) } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
        // Nobody will read it any more: the line is gone.
      }
      waitingBytes -= written
      if (written < first.length) waiting[0] = first.subarray(written)
      else waiting.shift()
    }
    if (dropped === 0) return true
    add(`${JSON.stringify({ level: 'warn', time: new Date().toISOString(), pid: process.pid, event: 'log-lines-dropped', lines: dropped, msg: 'the reader of the log was too slow' })}\n`)
    dropped = 0
    return flush()
  }

  function tryAgain (): void {
    timer = undefined
    if (!flush()) timer = setTimeout(tryAgain, tryAgainMs).unref()
  }

  process.on('exit', () => {
    const until = performance.now() + exitMs
    const idle = new Int32Array(new SharedArrayBuffer(4))
    while (!flush() && performance.now() < until) Atomics.wait(idle, 0, 0, 10)
  })

  return {
    write: line => {
      if (waitingBytes > maxWaitingBytes) { dropped++; return }
      add(line)
      if (timer === undefined) tryAgain()
    }
  }
}
