/**
 * Asks the node for what is missing (`sync`), page by page, until it says that there is no more. Asked for again
 * while it runs, it goes round once more: what came in between may lie behind the answer under way.
 */
import { createBackoff } from './backoff.js'
import { asGatepostError, type GatepostError } from './errors.js'
import type { Link } from './link.js'
import { pause } from './pause.js'
import type { Cursors, SyncAnswer } from './protocol.js'

export interface CatchUp {
  begin (): void
  close (): void
}

export interface CatchUpOptions {
  link: () => Link | undefined
  cursors: () => Cursors
  take: (answer: SyncAnswer, asked: Cursors) => void
  /** Resolves when there is room for a page. */
  room: () => Promise<void>
  onError: (error: GatepostError) => void
  retryBaseMs: number
}

const pageSize = 200

export function createCatchUp ({ link, cursors, take, room, onError, retryBaseMs }: CatchUpOptions): CatchUp {
  const stop = new AbortController()
  const backoff = createBackoff({ baseMs: retryBaseMs })
  let state: 'idle' | 'running' | 'again' = 'idle'

  async function run (): Promise<void> {
    while (!stop.signal.aborted) {
      state = 'running'
      const from = link()
      // Without a link there is nobody to ask; the next handshake replays from the cursors.
      if (from === undefined) break
      try { await pages(from) } catch (error) {
        // A link that is gone or replaced: its successor has replayed from the cursors.
        if (!from.isOpen) { if (again()) continue; else break }
        onError(asGatepostError(error))
        await pause(backoff.next(asGatepostError(error).retryAfterMs), stop.signal)
        continue
      }
      backoff.reset()
      if (!again()) break
    }
    state = 'idle'
  }

  const again = (): boolean => state === 'again'

  async function pages (from: Link): Promise<void> {
    for (let idlePages = 0; !stop.signal.aborted;) {
      await room()
      const asked = cursors()
      const answer = await from.request<SyncAnswer>('sync', { cursors: asked, limit: pageSize })
      if (stop.signal.aborted) return
      take(answer, asked)
      if (!answer.more) return
      // More, and nothing gained: do not spin.
      idlePages = sameCursors(asked, cursors()) ? idlePages + 1 : 0
      if (idlePages > 0) await pause(Math.min(5_000, 50 * 2 ** idlePages), stop.signal)
    }
  }

  return {
    begin () {
      if (state === 'idle') {
        state = 'running'
        void run()
      } else state = 'again'
    },
    close () { stop.abort() }
  }
}

function sameCursors (a: Cursors, b: Cursors): boolean {
  const streams = Object.keys(b)
  return streams.length === Object.keys(a).length && streams.every(stream => a[stream] === b[stream])
}
