/** Reads the heartbeats and byes of other processes. It passes over what is malformed, of a newer form, or not to be believed. */
import { createNewerFormLog } from '../../shared/platform/newer-form-log.js'
import type { Log } from '../../shared/platform/log.js'
import type { NodeId } from '../../shared/contract/names.js'
import type { BusTrust } from './bus-trust.js'
import { readHeartbeat, type Heartbeat } from './heartbeat.js'
import type { Signer } from './signer.js'

/** Undefined for what is passed over. */
export type HeartbeatReader = (subject: string, payload: Uint8Array) => Heartbeat | undefined

export interface HeartbeatReaderOptions {
  readonly self: NodeId | undefined
  readonly signer: Pick<Signer, 'check'>
  readonly trust: Pick<BusTrust, 'believesAnnouncement' | 'heardOfUnsigned'>
  readonly log: Log
}

export function createHeartbeatReader ({ self, signer, trust, log }: HeartbeatReaderOptions): HeartbeatReader {
  const logNewerForm = createNewerFormLog(log)
  /** The start of another process under this node's id that the log has warned of. */
  let warnedOfStart: number | undefined

  return (subject, payload) => {
    const heartbeat = readHeartbeat(payload)
    if (heartbeat === undefined) {
      log.debug({ event: 'malformed-announcement' }, 'something on the bus is no announcement')
      return undefined
    }
    const signature = signer.check(subject, payload)
    if ('newerForm' in heartbeat) {
      if (signature !== 'forged') logNewerForm(heartbeat.id, 'announcement', heartbeat.newerForm)
      return undefined
    }
    if (!trust.believesAnnouncement(signature, heartbeat.id)) return undefined
    if (signature === 'signed' && heartbeat.unsignedAgoMs !== undefined) trust.heardOfUnsigned(heartbeat.unsignedAgoMs)
    if (heartbeat.id !== self) return heartbeat
    if (heartbeat.startedAt !== warnedOfStart) log.warn({ event: 'duplicate-node-id', node: self, url: heartbeat.url }, 'another process announces this node\'s id: give each its own GATEPOST_NODE_ID')
    warnedOfStart = heartbeat.startedAt
    return undefined
  }
}
