/** The Gates that told this node of themselves lately: Gates may publish nothing, so they meet at a node (docs/adr/0027-gates-meet-at-a-node.md). */
import { performance } from 'node:perf_hooks'
import type { GateAnnouncement, SeenGate } from '../../../shared/contract/node-rpc.js'

export interface SeenGates {
  /** Every Gate heard of lately, this one too. */
  announce: (gate: GateAnnouncement) => SeenGate[]
}

/** Three announcements: who has missed them all is gone. */
const rememberMs = 15_000
const maxGates = 256

export function createSeenGates (elapsed: () => number = () => performance.now()): SeenGates {
  /** The least lately heard of first. */
  const seen = new Map<string, { readonly gate: GateAnnouncement, readonly atMs: number }>()
  return {
    announce (gate) {
      const now = elapsed()
      seen.delete(gate.id)
      seen.set(gate.id, { gate, atMs: now })
      for (const [id, { atMs }] of seen) {
        if (seen.size <= maxGates && now - atMs < rememberMs) break
        seen.delete(id)
      }
      return [...seen.values()].map(({ gate, atMs }) => ({ ...gate, agoMs: Math.round(now - atMs) }))
    }
  }
}
