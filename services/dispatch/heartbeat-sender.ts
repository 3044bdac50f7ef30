/**
 * What this process tells of itself: `hello` when its link is there, and once it is a node that has joined, an announcement with
 * every heartbeat, in between where something has changed, and a `bye` at the end.
 */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../../shared/contract/clock.js'
import { GatepostError } from '../../shared/contract/errors.js'
import { readHeartbeat, writeHeartbeat, type Heartbeat } from './heartbeat.js'
import type { Bus } from './buses/bus.js'
import type { BusTrust } from './bus-trust.js'
import type { NodeAnnouncement, NodeLife } from './dispatch.js'
import type { PublishLog } from './broadcast/publish-log.js'
import type { PushedHeads } from './broadcast/pushed-heads.js'
import type { Signer } from './signer.js'
import type { Subjects } from '../../shared/contract/subjects.js'

export interface HeartbeatSender {
  /** GP_VALIDATION for what no other process would believe. */
  join: (node: NodeAnnouncement) => void
  /** A process that has not joined sends none. */
  now: () => void
  /** The same within 100 ms, however often it is asked for. */
  soon: () => void
  /** The link is there, for the first time or again. */
  linked: () => void
  bye: () => void
  close: () => void
}

export interface HeartbeatSenderOptions {
  readonly self: NodeLife | undefined
  readonly bus: Bus
  readonly subjects: Subjects
  readonly signer: Signer
  readonly trust: Pick<BusTrust, 'unsignedAgoMs'>
  readonly publishLog: Pick<PublishLog, 'count' | 'mark'>
  /** By interest. */
  readonly pushedHeads: Pick<PushedHeads, 'take'> | undefined
  readonly clock: Pick<Clock, 'tick'>
  /** This process does not hear itself. */
  readonly onOwn: (announcement: Heartbeat) => void
}

/** Announcements that are asked for keep this distance. */
const gapMs = 100

export function createHeartbeatSender ({ self, bus, subjects, signer, trust, publishLog, pushedHeads, clock, onOwn }: HeartbeatSenderOptions): HeartbeatSender {
  let joinedAs: NodeAnnouncement | undefined
  let hasSaidHello = false
  let timer: NodeJS.Timeout | undefined
  let announcedAtMs = -Infinity

  function describe ({ id, startedAt }: NodeLife, node: NodeAnnouncement): Heartbeat {
    const { sockets, users, messagesPerSecond, eventLoopLagMs, rssBytes, store, dispatch, process, refusalsPerSecond } = node.load()
    const unsignedAgoMs = trust.unsignedAgoMs()
    return {
      id,
      url: node.url,
      weight: node.weight,
      version: node.version,
      startedAt,
      state: node.state(),
      load: { sockets: amount(sockets), users: amount(users), messagesPerSecond: amount(messagesPerSecond), eventLoopLagMs: amount(eventLoopLagMs), rssBytes: amount(rssBytes), store, dispatch, ...process !== undefined && { process }, ...refusalsPerSecond !== undefined && { refusalsPerSecond: amount(refusalsPerSecond) } },
      sent: publishLog.count,
      time: clock.tick(),
      ...node.isClockOff?.() === true && { isClockOff: true },
      ...node.revocations !== undefined && { revocations: node.revocations() },
      ...unsignedAgoMs !== undefined && { unsignedAgoMs }
    }
  }

  function tellOthers (subject: string, announcement: Heartbeat): void {
    const pushed = pushedHeads?.take(announcement.sent)
    bus.publish(subject, signer.sign(subject, writeHeartbeat(pushed === undefined ? announcement : { ...announcement, pushed })))
  }

  function now (): void {
    if (self === undefined || joinedAs === undefined) return
    clearTimeout(timer)
    timer = undefined
    announcedAtMs = performance.now()
    const announcement = describe(self, joinedAs)
    onOwn(announcement)
    if (!bus.isConnected) return
    publishLog.mark(announcedAtMs)
    tellOthers(subjects.heartbeat(self.id), announcement)
  }

  return {
    join (node) {
      if (self === undefined) throw new Error('only a node joins')
      if (readHeartbeat(writeHeartbeat(describe(self, node))) === undefined) throw new GatepostError('GP_VALIDATION', `node ${self.id}: what it announces of itself is malformed`)
      joinedAs = node
      now()
    },
    now,
    soon () {
      if (joinedAs === undefined || timer !== undefined) return
      const waitMs = announcedAtMs + gapMs - performance.now()
      if (waitMs <= 0) now()
      else timer = setTimeout(now, waitMs).unref()
    },
    linked () {
      now()
      if (!hasSaidHello) bus.publish(subjects.hello, new Uint8Array(0))
      hasSaidHello = true
    },
    bye () {
      if (self !== undefined && joinedAs !== undefined && bus.isConnected) tellOthers(subjects.bye(self.id), describe(self, joinedAs))
    },
    close () {
      joinedAs = undefined
      clearTimeout(timer)
    }
  }
}

/** JSON has no NaN and no infinity: one odd figure must not make an announcement malformed. */
const amount = (value: number): number => Number.isFinite(value) && value > 0 ? value : 0
