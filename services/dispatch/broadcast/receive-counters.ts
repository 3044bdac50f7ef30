/**
 * How many numbered broadcasts of each life of each node have arrived here, held against what its heartbeats say it
 * has sent. One connection keeps its order, so at a heartbeat the two are equal or something was lost. A count
 * that is too high (late ones by way of an older connection) makes both unreliable: it is treated as a loss too.
 *
 * Where counting begins: from 0, except for a life that was there before this process listened; that one is met in the
 * middle, and counted from what its first heartbeat says. After the first round everyone has been met, so whoever is
 * new from then on has started since, or was out of reach: what it sent meanwhile has been missed.
 */
import type { NodeId } from '../../../shared/contract/names.js'
import { readLifeToken } from '../../../shared/contract/subjects.js'

export interface Publisher {
  readonly life: string
  readonly node: NodeId
  readonly startedAt: number
  /** Counted here, or adopted from a heartbeat after a loss. */
  counted: number
  /** False until its first heartbeat. */
  isMet: boolean
  /** The count of the latest heartbeat. Up to it nothing is in doubt but the range below. */
  reported: number
  /** Numbers above `after` and up to `upTo` are in doubt. */
  doubted: { after: number, upTo: number } | undefined
}

export interface ReceiveCounters {
  /** The publisher of a life, known or not; undefined where the token is no life. Hot: once for each broadcast. */
  publisher: (life: string) => Publisher | undefined
  /** Compares; true when something is in doubt. */
  compare: (publisher: Publisher, sent: number, joinedMidway: boolean) => boolean
  /** The same for one that tells what it has pushed `since` it last told: nothing is counted, only what it told must be without a gap. */
  follow: (publisher: Publisher, since: number | undefined, sent: number, joinedMidway: boolean) => boolean
  /** Publishers of whom something is in doubt. */
  readonly doubted: number
  /** The publisher named all in doubt up to this number. */
  resolve: (publisher: Publisher, upTo: number) => void
  forget: (life: string) => void
  /** Drops what has never announced itself; called now and then. */
  sweep: () => void
}

export function createReceiveCounters (): ReceiveCounters {
  const publishers = new Map<string, Publisher>()
  const doubted = new Set<Publisher>()
  let unmet = new Set<string>()
  let unmetBefore = new Set<string>()

  function meet (life: string): Publisher | undefined {
    const read = readLifeToken(life)
    if (read === undefined) return undefined
    const publisher = { life, ...read, counted: 0, isMet: false, reported: 0, doubted: undefined }
    publishers.set(life, publisher)
    unmet.add(life)
    return publisher
  }

  function compare (publisher: Publisher, sent: number, joinedMidway: boolean): boolean {
    if (!publisher.isMet) {
      publisher.isMet = true
      if (joinedMidway) publisher.counted = publisher.reported = sent
    }
    if (publisher.counted !== sent) {
      publisher.doubted = { after: publisher.doubted?.after ?? Math.min(publisher.reported, sent), upTo: sent }
      publisher.counted = sent
      doubted.add(publisher)
    }
    publisher.reported = sent
    return publisher.doubted !== undefined
  }

  return {
    publisher: life => publishers.get(life) ?? meet(life),
    compare,
    follow (publisher, since, sent, joinedMidway) {
      publisher.counted = since === publisher.reported ? sent : NaN
      return compare(publisher, sent, joinedMidway)
    },
    resolve (publisher, upTo) {
      if (publisher.doubted === undefined) return
      if (upTo >= publisher.doubted.upTo) {
        publisher.doubted = undefined
        doubted.delete(publisher)
      } else publisher.doubted.after = Math.max(publisher.doubted.after, upTo)
    },
    get doubted () { return doubted.size },
    forget (life) {
      const publisher = publishers.get(life)
      if (publisher !== undefined) doubted.delete(publisher)
      publishers.delete(life)
    },
    sweep () {
      for (const life of unmetBefore) if (publishers.get(life)?.isMet === false) publishers.delete(life)
      unmetBefore = unmet
      unmet = new Set()
    }
  }
}
