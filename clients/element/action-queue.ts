/** What is asked of the node, one after the other in the order in which it was done. What cannot be asked now waits for the connection. */
import { asGatepostError, type GatepostError } from '../errors.js'
import type { Message } from '../protocol.js'
import type { Wish } from './model/state.js'
import type { Store } from './store.js'

export interface Task {
  /** What is shown of it meanwhile. */
  wish: Wish
  /** The messages that it is not done for yet. */
  ids: readonly string[]
  /** Gives messages that are to be shown again. */
  run (): Promise<readonly Message[]>
  onRefused (error: GatepostError): void
}

export interface ActionQueue {
  add (task: Task): void
  /** Resolves when nothing is being asked any more, or what is left waits for the connection. */
  finished (): Promise<void>
  /** The connection is there. */
  resume (): void
  close (): void
}

/** After a refusal that may pass, where the connection tells nothing. */
const patienceMs = 5_000

export function createActionQueue (store: Store): ActionQueue {
  let queue: Task[] = []
  let running: Promise<void> | undefined
  let isRunning = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function drain (): Promise<void> {
    if (!isRunning) {
      isRunning = true
      running = run()
    }
    await running
  }

  async function run (): Promise<void> {
    clearTimeout(timer)
    while (queue[0] !== undefined) {
      const task = queue[0]
      try {
        const found = await task.run()
        store.dispatch({ type: 'done', ids: task.ids, wish: task.wish })
        if (found.length > 0) store.dispatch({ type: 'found', messages: found })
      } catch (caught) {
        // Closed meanwhile: what was asked is nobody's any more.
        if (queue[0] !== task) break
        const error = asGatepostError(caught)
        if (error.retry !== 'never') {
          // What is behind it waits too, so that the order stays.
          store.dispatch({ type: 'waiting', count: queue.length })
          timer = setTimeout(() => { void drain() }, patienceMs)
          break
        }
        store.dispatch({ type: 'unwish', ids: task.ids, wish: task.wish })
        task.onRefused(error)
      }
      queue.shift()
      if (store.state.waiting > 0) store.dispatch({ type: 'waiting', count: queue.length })
    }
    isRunning = false
  }

  return {
    finished: drain,
    add (task) {
      queue.push(task)
      void drain()
    },
    resume () { void drain() },
    close () {
      queue = []
      clearTimeout(timer)
    }
  }
}
