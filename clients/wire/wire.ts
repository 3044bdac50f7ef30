/**
 * What a link needs of Socket.IO. `library-wire.ts` gives it by socket.io-client, wherever a package manager has brought that along;
 * `browser-wire.ts` gives the same in a sixth of the bytes, for the files that a page loads without a build
 * (docs/adr/0030-a-small-socket-io.md).
 */
export interface Wire {
  /** The node has taken the handshake, and the socket is not closed. */
  readonly isOpen: boolean
  /** An event and its acknowledgement; rejects where none comes in time, or the socket is gone. */
  request (event: string, payload: unknown, timeoutMs: number): Promise<unknown>
  close (): void
}

export interface WireOptions {
  /** Of the server, without a path. */
  readonly origin: string
  /** Socket.IO's, as `/socket.io`. */
  readonly path: string
  readonly auth: object
  /** Begin with polling, and change over where a WebSocket turns out to work; else polling where no WebSocket can be opened. */
  readonly isPollingFirst: boolean
}

export interface WireEvents {
  onEvent (name: string, ...args: unknown[]): void
  /** It never was open. `data` is what the node gave as its reason, where it was the node. */
  onRefused (error: Error & { data?: unknown }): void
  /** It was open. */
  onClosed (reason: string): void
}

/** Nothing is told before it returns, and nothing after `close()`. How long opening may take is for the caller to bound. */
export type OpenWire = (options: WireOptions, events: WireEvents) => Wire
