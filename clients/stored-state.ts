/** What the storage keeps of one user over a restart: the cursors and the sends that wait. */
import { GatepostError } from './errors.js'
import type { Cursors } from './protocol.js'
import { asCursors } from './sequencer.js'
import { createSlot, type KeyValueStorage, type Slot } from './storage.js'
import { claimsOf, type Tokens } from './tokens.js'

export interface StoredState {
  /** Whose it is; undefined until Gate has said so. */
  readonly user: string | undefined
  /** Restores what an earlier run kept for this user, once; another user's name is refused. */
  restore (name: string): Promise<void>
  saveCursors (cursors: Cursors): void
  /**
   * The place of sends that wait, for an inbox that ends before Gate has said whose it is: the token says it.
   * Undefined = there is no storage.
   */
  findOutboxSlot (): Promise<Slot | undefined>
}

export interface StoredStateOptions {
  storage: KeyValueStorage | undefined
  storageKey: string
  tokens: Pick<Tokens, 'get'>
  /** The application's own cursors: they count before those in the storage. */
  cursors: Cursors | undefined
  onCursors: (cursors: Cursors) => void
  onOutbox: (slot: Slot) => Promise<void>
  onError: (error: GatepostError) => void
}

export function createStoredState ({ storage, storageKey, tokens, cursors, onCursors, onOutbox, onError }: StoredStateOptions): StoredState {
  let user: string | undefined
  let cursorSlot: Slot | undefined

  const slot = (name: string, what: 'cursors' | 'outbox'): Slot => createSlot({ storage, key: `${storageKey}:${name}:${what}`, onError })

  return {
    get user () { return user },
    async restore (name) {
      if (user !== undefined) {
        if (user === name) return
        throw new GatepostError('GP_USER_CHANGED', 'the token is now for another user: make another inbox')
      }
      const restored = slot(name, 'cursors')
      const start = asCursors(cursors) ?? asCursors(await restored.load())
      await onOutbox(slot(name, 'outbox'))
      cursorSlot = restored
      user = name
      if (start !== undefined) onCursors(start)
    },
    saveCursors (moved) { void cursorSlot?.save(moved) },
    async findOutboxSlot () {
      if (storage === undefined) return undefined
      const { sub } = claimsOf(await tokens.get())
      if (typeof sub !== 'string') throw new GatepostError('GP_STORAGE_FAILED', 'what waits to be sent could not be kept: it is not known whose it is')
      return slot(sub, 'outbox')
    }
  }
}
