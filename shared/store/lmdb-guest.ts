/** An embedded store that another process of this machine has open: read here, written there (lmdb-share.ts). */
import { join } from 'node:path'
import type { Socket } from 'node:net'
import { open } from 'lmdb'
import { GatepostError } from '../contract/errors.js'
import { createLink, type Link } from '../platform/link.js'
import { packRecord } from './lmdb-encoding.js'
import { folderFormOf } from './lmdb-form.js'
import { LmdbReader } from './lmdb-reader.js'
import { readFromShare, writeToShare, type FromShare, type StoreNews, type ToShare } from './lmdb-share-link.js'
import { openTables } from './lmdb-writer.js'
import { collectionNames, type ChainOutcome, type ReplaceOutcome, type Store } from './store.js'

interface LmdbGuestOptions {
  /** The data folder. */
  readonly dir: string
  /** Connected to the process that has it open. A broken one is not made again. */
  readonly socket: Socket
}

type Answer = Exclude<FromShare, StoreNews> | 'gone'
/** Without the number. */
type Writing = ToShare extends infer W ? W extends ToShare ? Omit<W, 'write'> : never : never

/** Writes, by the process that has the store open, and what it tells of the store. */
interface Writer {
  readonly news: () => StoreNews & { readonly heardAt: number }
  /** `gone`: the link broke before the answer came. Undefined: it was broken before. */
  readonly ask: (writing: Writing) => Promise<Answer | undefined>
  readonly isOpen: () => boolean
  /** Waits for what is under way. */
  readonly close: () => Promise<void>
}

/** Resolves once the other process has told how the store is. Rejects where it never does. */
async function openWriter (socket: Socket): Promise<Writer> {
  const waiting = new Map<number, (answer: Answer) => void>()
  let writes = 0
  let news: StoreNews & { readonly heardAt: number } | undefined
  let isClosing = false
  let hasHeard: () => void = () => {}
  let hasAnswered: () => void = () => {}
  const heard = new Promise<void>(resolve => { hasHeard = resolve })

  function settle (write: number, answer: Answer): void {
    waiting.get(write)?.(answer)
    waiting.delete(write)
    if (waiting.size === 0) hasAnswered()
  }
  const link: Link<ToShare> = createLink<FromShare, ToShare>(socket, {
    read: readFromShare,
    write: writeToShare,
    onMessage: message => {
      if (!('status' in message)) { settle(message.write, message); return }
      news = { ...message, heardAt: performance.now() }
      hasHeard()
    },
    onClose: () => {
      for (const write of [...waiting.keys()]) settle(write, 'gone')
      hasHeard()
    }
  })

  await heard
  if (news === undefined) throw new Error('the process that has the store open has ended')
  return {
    news: () => news!,
    ask: async writing => {
      if (!link.isOpen || isClosing) return undefined
      const write = ++writes
      return await new Promise(resolve => {
        waiting.set(write, resolve)
        link.send({ ...writing, write })
      })
    },
    isOpen: () => link.isOpen && !isClosing,
    close: async () => {
      isClosing = true
      if (waiting.size > 0) await new Promise<void>(resolve => { hasAnswered = resolve })
      link.close()
    }
  }
}

/** Rejects where the other process never tells how the store is. */
export async function openLmdbGuest ({ dir, socket }: LmdbGuestOptions): Promise<Store> {
  const writer = await openWriter(socket)
  const { ask, news } = writer
  const root = open({ path: join(dir, 'store'), noSubdir: false, overlappingSync: false, readOnly: true, maxDbs: 2 * collectionNames.length })
  const form = folderFormOf(root, dir)
  // A snapshot of what was there before: whoever was told that something is stored must find it here.
  const reader = new LmdbReader(openTables(root), () => { root.resetReadTxn() })
  let closing: Promise<void> | undefined

  async function end (): Promise<void> {
    await writer.close()
    reader.close()
    await root.close()
  }

  return {
    isAtomic: true,
    insertChains: async (collection, chains) => {
      const answer = await ask({ do: 'insertChains', collection, chains: chains.map(chain => chain.map(doc => packRecord(doc, form))) })
      if (answer !== undefined && answer !== 'gone' && 'outcomes' in answer) return answer.areAllDone ? chains.map(({ length }) => ({ stored: length })) : answer.outcomes as ChainOutcome[]
      return chains.map(() => ({ stored: 0, stopped: answer === undefined ? 'refused' : 'unknown', cause: new Error('the process that writes is gone') }))
    },
    replace: async (collection, replacements) => {
      const answer = await ask({ do: 'replace', collection, replacements: replacements.map(({ was, doc }) => ({ was, doc: packRecord(doc, form) })) })
      if (answer !== undefined && answer !== 'gone' && 'outcomes' in answer) return answer.areAllDone ? replacements.map(() => 'done') : answer.outcomes as ReplaceOutcome[]
      return replacements.map(() => answer === undefined ? 'refused' : 'unknown')
    },
    remove: async (collection, keys) => {
      const answer = await ask({ do: 'remove', collection, keys })
      const fault = answer === undefined || answer === 'gone' ? 'the process that writes is gone' : 'fault' in answer ? answer.fault : undefined
      if (fault !== undefined) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the store cannot be written', { cause: new Error(fault) })
    },
    get: (collection, keys) => reader.get(collection, keys),
    exist: (collection, keys) => reader.exist(collection, keys),
    range: (collection, range, options) => reader.range(collection, range, options),
    ranges: (collection, ranges, options) => reader.ranges(collection, ranges, options),
    lasts: (collection, ranges) => reader.lasts(collection, ranges),
    timeMs: async () => Date.now(),
    purgesByMs: () => news().purgesByMs + performance.now() - news().heardAt,
    status: () => {
      const { status } = news()
      const notes = reader.works ? status.notes : [...status.notes, 'the last read failed']
      return { ...status, notes, reachable: status.reachable && reader.works && writer.isOpen() }
    },
    refusal: () => news().status.refusesWrites,
    close: async () => { await (closing ??= end()) }
  }
}
