import type { Frame } from './frame.js'

/** What delivery needs of a user's socket. */
export interface Transport {
  /** Bytes of frames that wait here. */
  waitingBytes (): number
  /** Sends a frame, and another right behind it; false when the socket is too slow: nothing was sent. One that has closed takes all and sends nothing. */
  send (frame: Frame, next?: Frame): boolean
  /** Undefined while little waits, else resolves when all has been written or the socket has closed. */
  drained (): Promise<void> | undefined
  /** The event goes whatever waits: it says why no frames come, or where to go. */
  emit (event: 'behind' | 'reassign', payload: object): void
  /** Ends the socket, also in the middle of its handshake. */
  end (): void
}
