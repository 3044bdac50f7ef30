/** `gatepost migrate`: look at both, carry, compare, let nodes serve. */
import { performance } from 'node:perf_hooks'
import { readMigrateSettings } from '../../../shared/platform/settings/config.js'
import { SettingsError, withoutCredentials } from '../../../shared/platform/settings/fault.js'
import type { MigrateSettings } from '../../../shared/platform/settings/settings.js'
import { openMigrationTarget, type MigrationRecord, type MigrationTarget, type PieceRecord } from '../../../shared/store/mongodb-migration.js'
import { collectionNames, type Store } from '../../../shared/store/store.js'
import type { Terminal } from '../command.js'
import { reasonOf } from '../doctor/finding.js'
import { createProgress, type Progress } from '../progress.js'
import { faultOfStart } from '../start-faults.js'
import { carryPiece } from './carry.js'
import { comparePiece, type Comparison } from './compare.js'
import { MigrateError } from './migrate-error.js'
import { eachPiece } from './pieces.js'
import { openSource, type Source } from './source.js'
import { checkTarget, openTarget, reach, type ReachedMongodb } from './target.js'
import { count, howLong, pace, plural } from './words.js'

const showEveryMs = 250
const plainEveryMs = 10_000
const saveEveryMs = 1_000
const shownDifferences = 10

export async function runMigrate (argv: readonly string[], { surroundings, stdout, stderr }: Terminal): Promise<number> {
  const settings = readMigrateSettings(argv, surroundings)
  const progress = createProgress({ write: stderr, isTerminal: process.stderr.isTTY, now: () => performance.now(), plainEveryMs })
  const say = (text: string): void => {
    progress.end()
    stdout(`${text}\n`)
  }
  const open: Array<{ close: () => Promise<void> }> = []
  try {
    const source = await openSource(settings.from, settings.fromSetting)
    open.push(source.store)
    const found = await reach(settings.to)
    const migration = await openMigrationTarget(settings.to)
    open.push(migration)
    tellBoth(settings, source, found, say)
    const task = { settings, source, found, migration, open, progress, say }
    return settings.mode === 'verify-only' ? await verifyOnly(task) : await carryAll(task)
  } catch (error) {
    progress.end()
    if (error instanceof SettingsError) throw error
    const fault = faultOfStart(error)
    if (fault !== undefined) throw new SettingsError([{ ...fault, setting: settings.toSetting }])
    stderr(`migrate: ${withoutCredentials(error instanceof MigrateError ? error.message + causeOf(error) : reasonOf(error))}\n`)
    return 1
  } finally {
    progress.end()
    for (const one of open.reverse()) await one.close()
  }
}

const causeOf = ({ cause }: Error): string => cause === undefined ? '' : ` (${reasonOf(cause)})`

function tellBoth ({ from }: MigrateSettings, { counts, purgesLateMs }: Source, { version, kind, database, shards }: ReachedMongodb, say: (text: string) => void): void {
  say(`from   ${from}: ${collectionNames.map(name => `${count(counts[name])} ${name}`).join(', ')}`)
  say(`to     the database ${database} at a ${kind}, version ${version}${shards.length === 0 ? '' : `, on ${plural(shards.length, 'shard')}`}`)
  if (purgesLateMs > 3_600_000) say(`note   this folder was not in use for ${howLong(purgesLateMs)}: what has expired meanwhile MongoDB deletes at once, by its server's clock`)
}

interface Task {
  readonly settings: MigrateSettings
  readonly source: Source
  readonly found: ReachedMongodb
  readonly migration: MigrationTarget
  /** What is opened on the way; closed from the last to the first. */
  readonly open: Array<{ close: () => Promise<void> }>
  readonly progress: Progress
  readonly say: (text: string) => void
}

async function carryAll (task: Task): Promise<number> {
  const { settings, source, found, migration, open, progress, say } = task
  const earlier = await checkTarget(migration, found, source.fingerprint)
  if (settings.mode === 'dry-run') {
    say(earlier === undefined ? 'it can be carried; nothing was changed' : `it can be gone on with: ${count(carriedIn(earlier))} of ${plural(source.total, 'document')} are there; nothing was changed`)
    return 0
  }
  const record = earlier ?? { source: source.fingerprint, startedAt: new Date(), pieces: {} }
  await begin(migration, record)
  const target = await openTarget(settings.to, text => { progress.note(`note   ${text}`) })
  open.push(target)
  if (earlier !== undefined) progress.note(`going on from ${count(carriedIn(earlier))} of ${plural(source.total, 'document')}, begun ${earlier.startedAt.toISOString()}`)
  const ms = await carry(task, target, record)
  say(`carried ${plural(source.total, 'document')}${ms > 0 ? ` in ${howLong(ms)}` : ''}`)
  if (!await compare(task, target)) return 1
  await migration.end()
  say('done: start the nodes. The folder is as it was; keep it until you are sure')
  return 0
}

async function begin (migration: MigrationTarget, record: MigrationRecord): Promise<void> {
  try {
    await migration.begin(record)
  } catch (cause) {
    throw new MigrateError('the migration could not be begun. On a mongos the login needs clusterManager and clusterMonitor, as that of the first node does (docs/operations.md, "Logins and secrets")', { cause })
  }
}

async function verifyOnly (task: Task): Promise<number> {
  if (await task.migration.isEmpty()) throw new MigrateError(`the database ${task.found.database} is empty: nothing was carried into it`)
  const target = await openTarget(task.settings.to, text => { task.progress.note(`note   ${text}`) })
  task.open.push(target)
  return await compare(task, target) ? 0 : 1
}

const carriedIn = ({ pieces }: MigrationRecord): number => Object.values(pieces).reduce((sum, { carried }) => sum + carried, 0)

/** How long it took, in ms. The record is written down once a second: what was carried since is met again by the next run, and found to be there. */
async function carry ({ source, migration, progress }: Task, target: Store, record: MigrationRecord): Promise<number> {
  const before = carriedIn(record)
  const pieces: Record<string, PieceRecord> = { ...record.pieces }
  let done = before
  const shown = (elapsedMs: number): string => pace({ verb: 'carrying', done, total: source.total, before, elapsedMs })
  let saving: Promise<void> | undefined
  let savedMs = -Infinity
  function saveNowAndThen (): void {
    if (saving !== undefined || performance.now() - savedMs < saveEveryMs) return
    savedMs = performance.now()
    // Where it cannot be written now, more is met again.
    saving = migration.save({ ...record, pieces: { ...pieces } }).catch(() => {}).finally(() => { saving = undefined })
  }
  try {
    return await shownMeanwhile(progress, shown, async () => {
      await eachPiece(async piece => {
        const { after, carried } = pieces[piece.name] ?? { after: '', carried: 0 }
        let here = carried
        await carryPiece({
          source: source.store,
          target,
          piece,
          after,
          onCarried: (lastKey, documents) => {
            done += documents
            here += documents
            pieces[piece.name] = { after: lastKey, carried: here }
            saveNowAndThen()
          }
        })
      })
    })
  } finally { await saving }
}

/** Whether all is the same. */
async function compare ({ source, progress, say }: Task, target: Store): Promise<boolean> {
  const result: Comparison = { same: 0, expired: 0, streams: 0, differences: [] }
  let done = 0
  const ms = await shownMeanwhile(progress, elapsedMs => pace({ verb: 'comparing', done, total: source.total, before: 0, elapsedMs }), async () => {
    await eachPiece(async piece => { await comparePiece({ source: source.store, target, piece, result, onCompared: documents => { done += documents } }) })
  })
  const { same, expired, streams, differences } = result
  say(`compared ${plural(done, 'document')} in ${howLong(ms)}: ${count(same)} are the same${expired === 0 ? '' : `, ${count(expired)} have expired meanwhile`}; every entry, head and chain of ${plural(streams, 'stream')}`)
  const isWhole = differences.length === 0 && done === source.total
  if (isWhole) return true
  for (const { collection, key, is } of differences.slice(0, shownDifferences)) say(`  ${is}: ${collection} ${JSON.stringify(key)}`)
  say(`NOT the same: ${differences.length === 0 ? `${count(done)} documents were met where ${count(source.total)} are` : plural(differences.length, 'difference')}. Something else has written to this database, or removed from it. Stop all nodes, drop the database and begin anew`)
  return false
}

/** Shows how far it is while it lasts; how long that was, in ms. */
async function shownMeanwhile (progress: Progress, shown: (elapsedMs: number) => string, work: () => Promise<void>): Promise<number> {
  const begunMs = performance.now()
  const show = (): void => { progress.show(shown(performance.now() - begunMs)) }
  const timer = setInterval(show, showEveryMs)
  try {
    await work()
    show()
  } finally { clearInterval(timer) }
  return performance.now() - begunMs
}
