/** One way to exchange packets of Engine.IO with a server, as text. */
export interface Transport {
  send (packets: readonly string[]): void
  /** What was sent before still goes. */
  close (): void
}

export interface TransportOptions {
  /** Where the next request goes. */
  url (): URL
  /** Of one request. */
  maxBytes (): number
  onPacket (packet: string): void
  /** It has ended by itself. */
  onEnd (reason: string): void
}

/** The type of a packet is its first character. */
export const packet = { open: '0', close: '1', ping: '2', pong: '3', message: '4', upgrade: '5' } as const
