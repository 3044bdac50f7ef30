/** One inbox for a gate and a token that may change at any time: the next token of the same user keeps the connection. */
import type { Inbox } from './inbox.js'
import { claimsOf, type TokenSource } from './tokens.js'

export interface Session {
  readonly gate: string
  readonly token: TokenSource
}

export interface SessionHolder<T> {
  readonly held: T | undefined
  /** Undefined = nobody is signed in. True where what is held is another one now, or none. */
  set (wanted: Session | undefined): boolean
}

/** `make` gets a token function that asks the latest one, where a function was given. */
export function holdSession<T extends { readonly inbox: Inbox, close (): void }> (
  make: (session: Session) => T, onError: (error: unknown) => void
): SessionHolder<T> {
  let held: T | undefined
  let made: Session | undefined

  const provide = async (): Promise<string> => {
    if (typeof made?.token !== 'function') throw new Error('the token is no function any more')
    return await made.token()
  }

  return {
    get held () { return held },
    set (wanted) {
      if (wanted?.gate === made?.gate && wanted?.token === made?.token) return false
      if (wanted !== undefined && made !== undefined && held !== undefined && held.inbox.state !== 'closed' && isSameUser(made, wanted)) {
        made = wanted
        // A function is asked when a token is needed; a text is all there is.
        if (typeof wanted.token === 'string') held.inbox.refresh(wanted.token).catch(onError)
        return false
      }
      held?.close()
      made = wanted
      held = undefined
      // What cannot be is said, and the next try begins anew.
      try { if (wanted !== undefined) held = make(typeof wanted.token === 'function' ? { ...wanted, token: provide } : wanted) } catch (error) { onError(error) }
      return true
    }
  }
}

/** A function in the place of a function, as every rendering of a framework makes one, is another way to ask for the same user's token. */
function isSameUser (made: Session, wanted: Session): boolean {
  if (made.gate !== wanted.gate) return false
  if (typeof made.token === 'function' || typeof wanted.token === 'function') return typeof made.token === typeof wanted.token
  const { sub } = claimsOf(made.token)
  return sub !== undefined && sub === claimsOf(wanted.token).sub
}
