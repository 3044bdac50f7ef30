/** The longest time that setTimeout keeps to; above it, it fires at once. */
export const maxTimerMs = 2 ** 31 - 1

/** Resolves after `ms`, or as soon as one of the signals is aborted. Never rejects. */
export async function pause (ms: number, ...signals: AbortSignal[]): Promise<void> {
  if (signals.some(signal => signal.aborted)) return
  await new Promise<void>(resolve => {
    const done = (): void => {
      clearTimeout(timer)
      for (const signal of signals) signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.min(ms, maxTimerMs))
    for (const signal of signals) signal.addEventListener('abort', done, { once: true })
  })
}

/** Lets what else waits for its turn go first. */
export const nextTask = async (): Promise<void> => { await new Promise(resolve => { setTimeout(resolve, 0) }) }

/** The promise's value, or `late()` thrown after `ms`. */
export async function within<T> (ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), Math.min(ms, maxTimerMs))
  })
  try { return await Promise.race([promise, timeout]) } finally { clearTimeout(timer) }
}
