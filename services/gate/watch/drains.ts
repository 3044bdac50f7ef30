/** How far drains have come: from the heartbeats of nodes that are draining, as this Gate heard them. */
import type { Member } from '../../dispatch/dispatch.js'

export interface DrainProgress {
  /** When this Gate first heard of it, in ms since 1970. */
  readonly since: number
  /** Sockets then, the most that were heard of. */
  readonly socketsAtStart: number
  /** When the last socket had gone; null: some are left. */
  readonly endedAt: number | null
}

export interface Drains {
  /** True where its last socket has gone with this heartbeat. */
  heard: (member: Pick<Member, 'id' | 'state' | 'load'>, nowMs: number) => boolean
  /** Undefined for one that is not draining. */
  of: (id: string) => DrainProgress | undefined
  forget: (id: string) => void
}

export function createDrains (): Drains {
  const drains = new Map<string, DrainProgress>()
  return {
    heard ({ id, state, load: { sockets } }, nowMs) {
      if (state !== 'draining') {
        drains.delete(id)
        return false
      }
      const before = drains.get(id)
      const isEnd = sockets === 0 && before?.endedAt === null
      const endedAt = sockets > 0 ? null : before?.endedAt ?? nowMs
      drains.set(id, { since: before?.since ?? nowMs, socketsAtStart: Math.max(before?.socketsAtStart ?? 0, sockets), endedAt })
      return isEnd
    },
    of: id => drains.get(id),
    forget: id => { drains.delete(id) }
  }
}
