/**
 * The bus over NATS core. One connection, kept for ever: the first one is tried until it is made (a log line each
 * time), a lost one is made again by the client, and should the client ever give up, all begins anew.
 *
 * The client hands out what it read in callbacks (an async iterator costs as much again), and sends what was
 * published in one go together. What it would keep while it is disconnected is not given to it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, ErrorCode, Events, NatsError, type NatsConnection, type Subscription } from 'nats'
import type { Log } from '../../../shared/platform/log.js'
import type { Bus, BusHandler } from './bus.js'
import { checkPayload, lostLink, noAnswer, nobodyListens, noLink } from './bus-errors.js'
import { connectionOptions, reconnectWaitMs, usualMaxPayloadBytes } from './nats-connection.js'
import { createNatsBackpressure } from './nats-backpressure.js'

export interface NatsBusOptions {
  /** As in `GATEPOST_NATS_URL`. */
  url: string
  /** Path of a credentials file. */
  creds?: string
  /** What the server shows for this connection. */
  name: string
  /** Whose answers these are: a login may be let read its own only. */
  role: 'gate' | 'node'
  log: Log
}

/** A subscription that was refused is tried again after this time: permissions are changed while servers run. */
const refusedRetryMs = 2_000
const longestRetryMs = 1_000
const flushAtCloseMs = 2_000

interface Wanted { readonly subject: string, readonly handler: BusHandler, live: Subscription | undefined, isRefused: boolean }

/** Returns at once, not connected yet. Throws GP_VALIDATION for a malformed address or credentials file. */
export function createNatsBus ({ url, creds, name, role, log }: NatsBusOptions): Bus {
  const options = connectionOptions({ url, creds, name, role })
  const wanted = new Set<Wanted>()
  const statusHandlers = new Set<(isConnected: boolean) => void>()
  /** Ends what waits for the link. */
  const waiting = new Set<(error: Error) => void>()
  const closing = new AbortController()
  /** What the server does not let this process subscribe to. Who cannot hear the others counts as cut off from them. */
  const refused = new Set<Wanted>()
  /** The subjects, cut after their second token, that are known to be refused for publishing. */
  const unpublishable = new Set<string>()
  let retryTimer: NodeJS.Timeout | undefined
  let connection: NatsConnection | undefined
  let state: 'waiting' | 'connected' | 'closed' = 'waiting'
  let maxPayloadBytes = usualMaxPayloadBytes
  const outflow = createNatsBackpressure(log)
  let closed: Promise<void> | undefined

  function become (next: 'waiting' | 'connected'): void {
    if (state === next || state === 'closed') return
    state = next
    outflow.reset()
    if (next === 'connected') maxPayloadBytes = connection?.info?.max_payload ?? maxPayloadBytes
    else endWaiting()
    tellStatus(next === 'connected')
  }

  function endWaiting (): void {
    for (const end of [...waiting]) end(lostLink())
  }

  function tellStatus (isConnected: boolean): void {
    for (const handler of [...statusHandlers]) {
      // What a handler throws would end the watch over the connection.
      try { handler(isConnected) } catch (cause) { log.error({ event: 'bus-status-handler-failed', err: cause }, 'a handler of the bus\'s status failed') }
    }
  }

  /** Cut short by `close`. */
  async function pause (ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: closing.signal }).catch(() => undefined)
  }

  async function keepConnected (): Promise<void> {
    for (let tries = 0; !closing.signal.aborted; tries++) {
      let made: NatsConnection
      try {
        made = await connect(options)
      } catch (error) {
        if (closing.signal.aborted) return
        log.warn({ event: 'nats-unreachable', reason: reasonOf(error) }, 'NATS is unreachable (GATEPOST_NATS_URL), trying again')
        await pause(Math.min(longestRetryMs, reconnectWaitMs * 2 ** tries))
        continue
      }
      if (closing.signal.aborted) {
        await made.close()
        return
      }
      tries = 0
      connection = made
      refused.clear()
      for (const want of wanted) attach(want)
      log.info({ event: 'nats-connected', server: made.getServer(), version: made.info?.version }, 'connected to NATS')
      void becomeConnected(made) // a flush over a link that breaks again may never end
      followStatus(made).catch((error: unknown) => { log.error({ event: 'bus-status-handler-failed', err: error }, 'the status of the connection to NATS cannot be followed') })
      const error = await made.closed()
      connection = undefined
      for (const want of wanted) want.live = undefined
      become('waiting')
      if (closing.signal.aborted) return
      log.warn({ event: 'nats-closed', reason: reasonOf(error) }, 'the connection to NATS was closed, making a new one')
      await pause(reconnectWaitMs)
    }
  }

  /** Does not end: the client ends no iterator of a connection's status, also when it closes. */
  async function followStatus (of: NatsConnection): Promise<void> {
    for await (const { type, data, permissionContext } of of.status()) {
      if (type === Events.Disconnect) {
        log.warn({ event: 'nats-disconnected', server: data }, 'the connection to NATS is broken')
        become('waiting')
      } else if (type === Events.Reconnect) {
        log.info({ event: 'nats-reconnected', server: data }, 'connected to NATS again')
        void becomeConnected(of)
      } else if (type === Events.Error && permissionContext?.operation === 'publish') {
        publishRefused(permissionContext.subject)
      } else if (type === Events.Error) {
        log.warn({ event: 'nats-error', reason: data }, 'NATS reports an error')
      } else {
        log.debug({ event: 'nats-status', type }, 'NATS status')
      }
    }
  }

  /** Connected counts from when the server has taken all subscriptions: what others send before that would be missed. */
  async function becomeConnected (of: NatsConnection): Promise<void> {
    try { await of.flush() } catch { return } // broken again: the status says so
    if (refused.size === 0 && connection === of) become('connected')
  }

  /** Once for each kind of subject: a node's life is part of it, and so are streams. */
  function publishRefused (subject: string): void {
    const kind = subject.split('.').slice(0, 2).join('.')
    if (unpublishable.has(kind) || unpublishable.size > 100) return
    unpublishable.add(kind)
    log.error({ event: 'nats-publish-refused', subject }, 'NATS does not let this process publish: give its login the permissions of docs/operations.md')
  }

  function subscriptionRefused (want: Wanted, error: NatsError): void {
    want.live = undefined
    if (!wanted.has(want)) return
    if (!want.isRefused) log.error({ event: 'nats-subscription-refused', subject: want.subject, reason: reasonOf(error) }, 'NATS does not let this process subscribe, so it counts as cut off: give its login the permissions of docs/operations.md')
    want.isRefused = true
    refused.add(want)
    become('waiting')
    retryTimer ??= setTimeout(() => { void retryRefused() }, refusedRetryMs).unref()
  }

  async function retryRefused (): Promise<void> {
    retryTimer = undefined
    const of = connection
    if (of === undefined || of.isClosed() || state === 'closed') return
    const again = [...refused]
    refused.clear()
    for (const want of again) if (wanted.has(want)) attach(want)
    await becomeConnected(of)
    for (const want of again) {
      if (refused.has(want) || want.live === undefined) continue
      want.isRefused = false
      log.info({ event: 'nats-subscribed-again', subject: want.subject }, 'NATS lets this process subscribe again')
    }
  }

  function attach (want: Wanted): void {
    want.live = connection?.subscribe(want.subject, {
      callback: (error, message) => {
        if (error !== null) {
          subscriptionRefused(want, error)
          return
        }
        // What a handler throws would end the client's reading for good.
        try {
          want.handler(message.subject, message.data, message.reply === undefined || message.reply === '' ? undefined : answer => { respond(message.reply as string, answer) })
        } catch (cause) {
          log.error({ event: 'bus-handler-failed', subject: want.subject, err: cause }, 'a handler of the bus failed')
        }
      }
    })
  }

  function respond (subject: string, answer: Uint8Array): void {
    checkPayload(answer, maxPayloadBytes)
    send(subject, answer)
  }

  function send (subject: string, payload: Uint8Array): void {
    if (state === 'connected' && connection !== undefined) outflow.send(connection, subject, payload)
  }

  /** What the promise gives, or GP_OUTCOME_UNKNOWN as soon as the link is lost. */
  async function whileLinked<T> (promise: Promise<T>): Promise<T> {
    return await new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        waiting.delete(abort)
        settle()
      }
      const abort = (error: Error): void => { end(() => { reject(error) }) }
      waiting.add(abort)
      promise.then(value => { end(() => { resolve(value) }) }, (error: unknown) => { abort(error as Error) })
    })
  }

  async function close (): Promise<void> {
    const was = connection
    const wasConnected = state === 'connected'
    if (was !== undefined && wasConnected) {
      await Promise.race([whileLinked(was.flush()).catch(() => undefined), sleep(flushAtCloseMs, undefined, { ref: false })])
    }
    state = 'closed'
    closing.abort()
    clearTimeout(retryTimer)
    endWaiting()
    await was?.close()
    if (wasConnected) tellStatus(false)
    statusHandlers.clear()
    wanted.clear()
  }

  keepConnected().catch((error: unknown) => { log.fatal({ event: 'nats-bus-failed', err: error }, 'the connection to NATS cannot be kept') })

  return {
    kind: 'nats',
    get maxPayloadBytes () { return maxPayloadBytes },
    get isConnected () { return state === 'connected' },
    publish (subject, payload) {
      checkPayload(payload, maxPayloadBytes)
      send(subject, payload)
    },
    subscribe (subject, handler) {
      const want: Wanted = { subject, handler, live: undefined, isRefused: false }
      wanted.add(want)
      if (state !== 'closed') attach(want)
      return () => {
        wanted.delete(want)
        want.live?.unsubscribe()
        want.live = undefined
      }
    },
    async request (subject, payload, timeoutMs) {
      checkPayload(payload, maxPayloadBytes)
      if (state !== 'connected' || connection === undefined) throw noLink()
      try {
        return (await whileLinked(connection.request(subject, payload, { timeout: timeoutMs }))).data
      } catch (error) {
        if (!(error instanceof NatsError)) throw error
        if (error.code === ErrorCode.NoResponders) throw nobodyListens(error)
        throw error.code === ErrorCode.Timeout ? noAnswer(timeoutMs, error) : lostLink(error)
      }
    },
    async roundTrip () {
      if (state !== 'connected' || connection === undefined) throw noLink()
      try {
        await whileLinked(connection.flush())
      } catch (error) {
        throw error instanceof NatsError ? noLink(error) : error
      }
    },
    onStatus (handler) {
      statusHandlers.add(handler)
      return () => { statusHandlers.delete(handler) }
    },
    async close () {
      closed ??= close()
      await closed
    }
  }
}

/** The client's errors may carry an address as their cause: only code and text are shown. */
function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return 'closed'
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && code !== error.message ? `${code}: ${error.message}` : error.message
}
