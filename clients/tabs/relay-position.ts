/** Where the leading tab's socket stands: a tab that attaches begins there. */
import type { Link } from '../link.js'
import type { Cursors, Entry, Ready, UnreadCount, VolatileMessage } from '../protocol.js'
import { createTails } from '../sequencer.js'

export type RelayStart = { readonly ready: Ready, readonly position: Cursors } | { readonly state: 'connecting' | 'offline' }

export interface RelayPosition {
  /** The link that was live last, until `end`. */
  readonly link: Link | undefined
  /** `cursors`: those of the handshake; what comes after them is relayed. */
  begin (link: Link, ready: Ready, cursors: Cursors | undefined): void
  move (entries: ReadonlyArray<Entry | VolatileMessage>): void
  setUnread (count: UnreadCount): void
  end (state: 'connecting' | 'offline'): void
  /** What a tab that attaches now begins with. */
  start (): RelayStart
}

export function createRelayPosition (): RelayPosition {
  let live: { link: Link, ready: Ready } | undefined
  let state: 'connecting' | 'offline' = 'connecting'
  let position = createTails()
  let heads = createTails()

  return {
    get link () { return live?.link },
    begin (link, ready, cursors) {
      live = { link, ready }
      position = createTails(cursors ?? ready.heads)
      heads = createTails(ready.heads)
    },
    move (entries) {
      for (const entry of entries) {
        if (entry.stream === undefined) continue
        position.move(entry)
        heads.move(entry)
      }
    },
    setUnread (count) { if (live !== undefined) live = { ...live, ready: { ...live.ready, ...count } } },
    end (to) {
      state = to
      live = undefined
    },
    start: () => live?.link.isOpen === true ? { ready: { ...live.ready, heads: heads.all() }, position: position.all() } : { state }
  }
}
