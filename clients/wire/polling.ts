/** Long-polling: one request waits for packets, another takes them; never two of a kind at once. */
import { pause } from '../pause.js'
import { packet, type Transport, type TransportOptions } from './transport.js'

const separator = '\x1e'
/** No letter needs more in UTF-8. */
const maxBytesOfLetter = 3

/** A network that takes nothing any more is not waited for. */
const lastWordMs = 2_000

export interface Polling extends Transport {
  /** Asks no more; resolves when nothing is under way. The server answers the request that waits. */
  pause (): Promise<void>
}

export function openPolling ({ url, maxBytes, onPacket, onEnd }: TransportOptions): Polling {
  const closing = new AbortController()
  let isPaused = false
  /** The server knows of it. */
  let isOpen = false
  const queue: string[] = []
  let written: Promise<void> | undefined

  async function ask (init: RequestInit = {}): Promise<string> {
    const address = url()
    address.searchParams.set('transport', 'polling')
    const response = await fetch(address, { cache: 'no-store', signal: closing.signal, ...init })
    if (!response.ok) throw new Error(`status ${response.status}`)
    return await response.text()
  }

  async function read (): Promise<void> {
    while (!isPaused) {
      const packets = (await ask()).split(separator)
      isOpen = true
      for (const text of packets) onPacket(text)
    }
  }

  /** As many packets as one request may hold, and one in any case. */
  function nextBody (): string {
    let length = 0
    const count = queue.findIndex((packet, index) => {
      length += packet.length + 1
      return index > 0 && length * maxBytesOfLetter > maxBytes()
    })
    return queue.splice(0, count < 0 ? queue.length : count).join(separator)
  }

  async function write (): Promise<void> {
    while (queue.length > 0) await ask({ method: 'POST', body: nextBody() })
    written = undefined
  }

  function fail (): void {
    isOpen = false
    onEnd('polling error')
  }
  function send (packets: readonly string[]): void {
    queue.push(...packets)
    written ??= write().catch(fail)
  }

  const done = read().catch(fail)
  return {
    send,
    async pause () {
      isPaused = true
      await done
      await written
    },
    close () {
      isPaused = true
      if (isOpen) send([packet.close])
      // To a server the request that waits is the client, and without it the client is gone: the last word goes before.
      void Promise.race([written, pause(lastWordMs)]).then(() => { closing.abort() })
    }
  }
}
