/** Holds the state, and tells once for each event that changed it. */
import { reduce, type Event } from './model/reduce.js'
import { initialState, type State } from './model/state.js'

export interface Store {
  readonly state: State
  dispatch (event: Event): void
}

export function createStore (onChange: () => void): Store {
  let state: State = { ...initialState, nowMs: Date.now() }
  return {
    get state () { return state },
    dispatch (event) {
      const next = reduce(state, event)
      if (next === state) return
      state = next
      onChange()
    }
  }
}
