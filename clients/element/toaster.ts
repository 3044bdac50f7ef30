/** The one thing that the panel tells at a time: what was done, and can be undone for a while, or what has failed. */
import type { Toast } from './model/state.js'
import type { Store } from './store.js'

export type FailedToast = Extract<Toast, { kind: 'failed' }>

export interface Toaster {
  tell (toast: Toast, undo?: () => void): void
  /** Stands until it is looked at; `again` does the same once more. */
  fail (what: FailedToast['what'], again: () => void): void
  undo (): void
  retry (): void
  dismiss (): void
  /** What could be undone is done for good. */
  settle (): void
}

const shownMs = 7_000

export function createToaster (store: Store, onSettled: () => void): Toaster {
  let undoing: (() => void) | undefined
  let retrying: (() => void) | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function show (toast: Toast | undefined): void {
    clearTimeout(timer)
    if (store.state.toast !== toast) store.dispatch({ type: 'toast', toast })
    if (toast !== undefined && toast.kind !== 'failed') timer = setTimeout(settle, shownMs)
  }

  function settle (): void {
    undoing = undefined
    if (store.state.toast?.kind !== 'failed') show(undefined)
    onSettled()
  }

  return {
    settle,
    tell (toast, undo) {
      undoing = undo
      show(toast)
    },
    fail (what, again) {
      retrying = again
      show({ kind: 'failed', what })
    },
    undo () {
      const undo = undoing
      undoing = undefined
      show(undefined)
      undo?.()
    },
    retry () {
      const again = retrying
      retrying = undefined
      show(undefined)
      again?.()
    },
    dismiss () { show(undefined) }
  }
}
