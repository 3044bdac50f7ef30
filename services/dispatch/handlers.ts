import type { Log } from '../../shared/platform/log.js'

/** Returns what takes the handler out again. */
export function register<H> (handlers: Set<H>, handler: H): () => void {
  handlers.add(handler)
  return () => { handlers.delete(handler) }
}

/** A handler's error is logged, and costs neither the other handlers nor the bus. */
export function tell<T> (handlers: Iterable<(value: T) => void>, value: T, log: Log): void {
  for (const handler of handlers) {
    try { handler(value) } catch (error) { log.error({ event: 'dispatch-handler-failed', err: error }, 'a handler of dispatch failed') }
  }
}
