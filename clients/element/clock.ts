/** Wakes the open panel when a time that it shows is no longer true, or a message expires. */
import type { Message } from '../protocol.js'
import { memo } from './model/view-state.js'
import { nextTickMs } from './model/times.js'
import type { Store } from './store.js'

const earliestOf = (messages: readonly Message[]): number =>
  messages.reduce((least, { expiresAt }) => expiresAt === null ? least : Math.min(least, Date.parse(expiresAt)), Infinity)

export function createClock (store: Store): { /** After each change of the state. */ wind (): void, stop (): void } {
  const earliest = memo(earliestOf)
  let timer: ReturnType<typeof setTimeout> | undefined
  let dueMs = Infinity

  function stop (): void {
    clearTimeout(timer)
    dueMs = Infinity
  }
  return {
    stop,
    wind () {
      if (!store.state.isOpen) return stop()
      const nowMs = Date.now()
      const nextMs = Math.max(nowMs + 20, Math.min(nowMs + nextTickMs(nowMs), earliest(store.state.list.messages)))
      if (nextMs >= dueMs) return
      clearTimeout(timer)
      dueMs = nextMs
      timer = setTimeout(() => {
        dueMs = Infinity
        store.dispatch({ type: 'now', nowMs: Date.now() })
      }, nextMs - nowMs + 1)
    }
  }
}
