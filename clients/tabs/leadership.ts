/**
 * Which tab leads: the one that holds a Web Lock.
 *
 *   idle    -> waiting   ask()
 *   waiting -> leading   the lock was free, or the tab before ended or gave it up; or steal()
 *   leading -> waiting   another tab stole it
 *   any     -> idle      leave()
 */
export interface Leadership {
  ask (): void
  /** Takes the lock from a leader that is silent. */
  steal (): void
  leave (): void
}

export interface LeadershipOptions {
  locks: LockManager
  name: string
  onLead: () => void
  onLose: () => void
  /** There are no locks here (a sandboxed frame). */
  onFail: (error: unknown) => void
}

export function createLeadership ({ locks, name, onLead, onLose, onFail }: LeadershipOptions): Leadership {
  /** Of the request that counts: aborted = given up, also where it was granted. */
  let current: AbortController | undefined

  function request (steal: boolean): void {
    current?.abort()
    const mine = new AbortController()
    current = mine
    let isLeading = false
    // A request that steals takes no signal: it is granted in the next turn.
    locks.request(name, steal ? { steal } : { signal: mine.signal }, async () => {
      if (mine.signal.aborted) return
      isLeading = true
      onLead()
      await new Promise<void>(resolve => { mine.signal.addEventListener('abort', () => { resolve() }, { once: true }) })
    }).catch((error: unknown) => {
      if (current !== mine) return
      current = undefined
      // Stolen. One that has not been granted is aborted by us only, or there are no locks.
      if (!isLeading) return onFail(error)
      onLose()
    })
  }

  return {
    ask () { request(false) },
    steal () { request(true) },
    leave () {
      const leaving = current
      current = undefined
      leaving?.abort()
    }
  }
}
