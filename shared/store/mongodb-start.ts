/**
 * From a URL to a store that serves: reaches the server, prepares indexes and shards, and checks that no migration into the
 * database is half done. It tries without end.
 *
 * | state | means | left by |
 * | --- | --- | --- |
 * | `starting` | reads and writes are refused | reached and prepared → `live` |
 * | `live` | the store serves; what could not be prepared (a missing right, a cluster without shards yet) is tried again | `close` |
 * | `closed` | for good | nothing |
 */
import { hello, isMongos } from './mongodb-connection.js'
import type { ShardMaps } from './mongodb-chunks.js'
import { prepareIndexes } from './mongodb-indexes.js'
import type { MongodbLink } from './mongodb-link.js'
import { checkMigration, UnfinishedMigrationError } from './mongodb-migration.js'
import type { MongodbReader } from './mongodb-read.js'
import { isSpread, requireShards, shardCollections, shardingAdminOf, type ShardingAdmin } from './mongodb-sharding.js'

type State = 'starting' | 'live' | 'closed'

export interface MongodbStartOptions {
  readonly link: MongodbLink
  readonly reader: MongodbReader
  readonly maps: ShardMaps
  /** A migration that is under way does not keep the store from serving. */
  readonly isMigration: boolean
  readonly log: Record<'info' | 'warn' | 'error', (fields: object, text: string) => void>
}

const retryPauseMs = 2000
const prepareAgainMs = 300_000

export class MongodbStart {
  readonly #options: MongodbStartOptions
  #state: State = 'starting'
  #hasFailed = false
  /** A migration into the database is not finished. */
  #isHalf = false
  #notes: readonly string[] = []
  /** Closing does not wait for it, because the next start can go on with it. */
  #preparing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor (options: MongodbStartOptions) {
    this.#options = options
  }

  get isLive (): boolean { return this.#state === 'live' }

  /** Resolves when the first try is over. */
  async begin (): Promise<void> {
    this.#preparing = this.#try()
    await this.#preparing
  }

  /** Why nothing is served, as an error says it. */
  whyNot (): string {
    return this.#state === 'closed' ? 'the store is closed' : this.#isHalf ? 'a migration into the store is not finished' : 'the store is being prepared'
  }

  /** What the store waits for, as its status says it; undefined where it serves. */
  missing (): string | undefined {
    if (!this.#options.link.hasServer && (this.#state !== 'starting' || this.#hasFailed)) return 'not reachable'
    if (this.#state === 'starting' && this.#isHalf) return 'a migration into it is not finished'
    return this.#state === 'starting' ? 'preparing the store' : undefined
  }

  /** What an admin should know. */
  notes (): string[] {
    return [...this.#notes, this.#options.maps.note() ?? []].flat()
  }

  close (): void {
    this.#become('closed')
    clearTimeout(this.#timer)
  }

  /** Resolves when no step is under way any more. */
  async ended (): Promise<void> { await this.#preparing }

  #become (next: State): void {
    if (this.#state !== 'closed') this.#state = next
  }

  async #try (): Promise<void> {
    const { link, reader, maps, isMigration, log } = this.#options
    try {
      await link.connect()
      const greeting = await hello(link.db)
      if (!isMongos(greeting) && greeting.setName === undefined) link.readLocally()
      const sharding = isMongos(greeting) ? shardingAdminOf(() => link.db, reader, maps) : undefined
      if (sharding !== undefined) await requireShards(sharding)
      // What an earlier start has done serves at once, and is looked over afterwards.
      const isReady = sharding !== undefined && await isSpread(sharding, maps)
      if (!isReady) await this.#prepare(sharding)
      // After the preparation: one that began meanwhile is seen.
      if (!isMigration) await checkMigration(link.db, isMongos(greeting))
      if (this.#state !== 'starting') return
      this.#isHalf = false
      this.#become('live')
      log.info({ event: 'mongodb-ready', notes: this.notes() }, 'MongoDB is ready')
      if (isReady || this.#notes.length > 0) this.#prepareLater(sharding, isReady ? 0 : prepareAgainMs)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed (err: unknown): void {
    if (this.#state !== 'starting') return
    const { log } = this.#options
    this.#hasFailed = true
    const wasHalf = this.#isHalf
    this.#isHalf = err instanceof UnfinishedMigrationError
    if (!this.#isHalf) log.warn({ err, event: 'mongodb-unreachable' }, 'MongoDB could not be reached or prepared; trying again')
    else if (!wasHalf) log.error({ event: 'mongodb-migration' }, 'a migration into this database is not finished, and nothing of it is served until it is: run `gatepost migrate` again, or drop the database to start anew')
    this.#timer = setTimeout(() => { this.#preparing = this.#try() }, retryPauseMs)
  }

  /**
   * Indexes and, on a mongos, shards. Every step may be done already. Indexes first: making one where chunks are on
   * their way would break off their move.
   */
  async #prepare (sharding: ShardingAdmin | undefined): Promise<void> {
    const { link, maps, log } = this.#options
    const found = await prepareIndexes(link.db, log)
    if (sharding !== undefined) {
      found.push(...await shardCollections(sharding))
      await maps.refresh()
    }
    this.#notes = found
  }

  #prepareLater (sharding: ShardingAdmin | undefined, ms = prepareAgainMs): void {
    if (!this.isLive) return
    this.#timer = setTimeout(() => {
      this.#preparing = this.#prepare(sharding).then(() => { if (this.#notes.length > 0) this.#prepareLater(sharding) }, (err: unknown) => {
        if (this.#state !== 'closed') this.#options.log.warn({ err, event: 'mongodb-unprepared' }, 'MongoDB could not be prepared; trying again in 5 minutes')
        this.#prepareLater(sharding)
      })
    }, ms).unref()
  }
}
