/** The driver's client: one at a time, made anew where the driver would wait for a server without end. */
import { setTimeout as pause } from 'node:timers/promises'
import { ReadConcern, type Db, type Document, type MongoClient } from 'mongodb'
import { createClient, watchHeartbeats } from './mongodb-connection.js'
import type { RunningWork } from './running-work.js'

export interface MongodbLinkOptions {
  readonly url: string
  /** Sees every command that is sent (tests). */
  readonly onCommand?: ((event: { commandName: string, command: Document }) => void) | undefined
  /** Servers, or what they are, have changed. */
  readonly onChange: (hasServer: boolean, hadServer: boolean) => void
  /** Tracks what ends by itself: a client that closes, and one that connects. */
  readonly running: RunningWork
  readonly log: { warn: (fields: object, text: string) => void }
}

interface Connection { readonly client: MongoClient, db: Db, readonly watch: { stop: () => void } }

const connectAgainMs = 500

export class MongodbLink {
  readonly #options: MongodbLinkOptions
  #connection: Connection
  #hasServer = false
  #isStopped = false

  /** Throws for a malformed URL. */
  constructor (options: MongodbLinkOptions) {
    this.#options = options
    this.#connection = this.#open()
  }

  get db (): Db { return this.#connection.db }
  /** One that takes writes. */
  get hasServer (): boolean { return this.#hasServer }

  async connect (): Promise<void> { await this.#connection.client.connect() }

  /** One server without a replica set has no majority to read from. */
  readLocally (): void { this.#read(this.db.databaseName, new ReadConcern('local')) }

  /** From here on the client stays the same. */
  stop (): void {
    this.#isStopped = true
    this.#connection.watch.stop()
  }

  async close (): Promise<void> { await this.#connection.client.close() }

  #open (): Connection {
    const { url, onCommand, onChange } = this.#options
    const made = createClient(url, { monitorCommands: onCommand !== undefined })
    if (onCommand !== undefined) made.client.on('commandStarted', onCommand)
    made.client.on('topologyDescriptionChanged', ({ newDescription }) => {
      if (made.client !== this.#connection.client) return
      const hadServer = this.#hasServer
      this.#hasServer = [...newDescription.servers.values()].some(server => server.isWritable)
      onChange(this.#hasServer, hadServer)
    })
    return { ...made, watch: watchHeartbeats(made.client, server => { this.#renew(server) }) }
  }

  /** What was under way with the old client ends as it would on a broken link. */
  #renew (server: string): void {
    if (this.#isStopped) return
    this.#options.log.warn({ event: 'mongodb-client-renewed', server }, 'the driver waits for a server without end; its client is made anew')
    const { client: old, db: { databaseName, readConcern }, watch } = this.#connection
    watch.stop()
    this.#connection = this.#open()
    if (readConcern !== undefined) this.#read(databaseName, readConcern)
    void this.#options.running.track(old.close())
    void this.#options.running.track(this.#connectAgain(this.#connection.client))
  }

  /** The driver gives a client up whose first connection fails: every command then fails at once, whether the server is back or not. */
  async #connectAgain (client: MongoClient): Promise<void> {
    while (!this.#isStopped && client === this.#connection.client) {
      try {
        await client.connect()
        return
      } catch {
        await pause(connectAgainMs)
      }
    }
  }

  #read (databaseName: string, readConcern: ReadConcern): void {
    this.#connection.db = this.#connection.client.db(databaseName, { readConcern })
  }
}
