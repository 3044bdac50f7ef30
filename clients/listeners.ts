/** Calls the application's listeners. A listener runs in a later microtask: what it does or throws changes nothing here. */
import { GatepostError } from './errors.js'

export interface Listeners {
  notify<T> (listener: ((value: T) => unknown) | undefined, value: T): void
  onError (error: GatepostError): void
  readonly lastError: GatepostError | undefined
}

export function createListeners (errorListener: ((error: GatepostError) => unknown) | undefined): Listeners {
  let lastError: GatepostError | undefined

  function onError (error: GatepostError): void {
    lastError = error
    notify(errorListener, error)
  }

  /** A listener's own failure goes to onError; a failure of onError itself is left to the platform. */
  function notify<T> (listener: ((value: T) => unknown) | undefined, value: T): void {
    if (listener === undefined) return
    void Promise.resolve(value).then(listener).catch((cause: unknown) => {
      if (listener === errorListener) throw cause
      onError(new GatepostError('GP_CALLBACK_FAILED', 'a listener failed', { cause }))
    })
  }

  return { notify, onError, get lastError () { return lastError } }
}
