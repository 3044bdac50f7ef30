/**
 * Whom this process believes on the bus. What is signed with GATEPOST_SECRET is believed; what is signed otherwise never is.
 *
 * What is unsigned comes from a process of version 0.1, which does not sign, or from a stranger. With `refuse` it is passed over.
 * With `accept`, so that a rolling upgrade needs no setting:
 *   - announcements are believed (where NATS has logins, only nodes may announce: docs/operations.md);
 *   - requests are believed while a node that does not sign has been heard of within the last hour, here or by
 *     another node: then an upgrade is under way, and Gates of the old version still ask.
 * In a cluster without old nodes nobody asks anything without the secret, whatever NATS lets through.
 */
import { LRUCache } from 'lru-cache'
import { performance } from 'node:perf_hooks'
import type { Log } from '../../shared/platform/log.js'
import type { Signature } from './signer.js'

export type Unsigned = 'accept' | 'refuse'

export interface BusTrust {
  /** `from`: the announced id. */
  believesAnnouncement: (signature: Signature, from: string) => boolean
  /** `from`: who says to be asking. */
  believesRequest: (signature: Signature, from: string) => boolean
  /** A believed, signed announcement says how long ago its node heard of one that does not sign, in ms. */
  heardOfUnsigned: (agoMs: number) => void
  /** How long ago a node that does not sign was heard of, in whole ms; undefined where that is over an hour or never. */
  unsignedAgoMs: () => number | undefined
}

const upgradeMs = 3_600_000
const warnEachMs = 60_000

export function createBusTrust ({ unsigned, log, now = () => performance.now() }: { unsigned: Unsigned, log: Log, now?: () => number }): BusTrust {
  let unsignedAtMs = -Infinity
  /** By what is warned of and whom. */
  const warnedAtMs = new LRUCache<string, number>({ max: 1_000 }) // a stranger makes up names

  function warn (event: string, from: string, message: string): void {
    const key = `${event} ${from}`
    if (now() - (warnedAtMs.get(key) ?? -Infinity) < warnEachMs) return
    warnedAtMs.set(key, now())
    log.warn({ event, from }, message)
  }

  const isUpgrading = (): boolean => now() - unsignedAtMs < upgradeMs

  function believes (signature: Signature, from: string, what: string, isUnsignedBelieved: () => boolean): boolean {
    if (signature === 'signed') return true
    if (signature === 'forged') {
      warn('bus-forged', from, `${what} is signed with another GATEPOST_SECRET: passed over. Give all Gates and nodes the same one, or find out who is on NATS`)
      return false
    }
    if (unsigned === 'accept' && isUnsignedBelieved()) return true
    warn('bus-unsigned', from, `${what} is not signed: passed over. Its process is of version 0.1 or knows no GATEPOST_SECRET`)
    return false
  }

  return {
    believesAnnouncement: (signature, from) => {
      if (!believes(signature, from, 'an announcement', () => true)) return false
      if (signature === 'unsigned') {
        warn('member-unsigned', from, 'a node does not sign what it announces: it is of version 0.1, or a stranger. Once all are upgraded set GATEPOST_BUS_UNSIGNED=refuse')
        unsignedAtMs = now()
      }
      return true
    },
    believesRequest: (signature, from) => believes(signature, from, 'a request', isUpgrading),
    heardOfUnsigned: agoMs => { unsignedAtMs = Math.max(unsignedAtMs, now() - agoMs) },
    unsignedAgoMs: () => isUpgrading() ? Math.floor(now() - unsignedAtMs) : undefined
  }
}
