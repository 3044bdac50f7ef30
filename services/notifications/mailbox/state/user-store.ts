/**
 * Views from the store and back. Loading: all documents of the user in one range, then the own stream from where they stand. Storing: the
 * fold's documents, replaced only if unchanged; who finds them changed (another node stored) loads again, folds what is missing and tries
 * once more. What is done with one view comes one after the other: the caller sees to that.
 */
import type { Clock } from '../../../../shared/contract/clock.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import type { UserId } from '../../../../shared/contract/names.js'
import { countsKey } from '../../../../shared/store/keys.js'
import type { JsonDoc, Store } from '../../../../shared/store/store.js'
import { readAfter } from '../../log/read.js'
import type { CountLimits } from '../unread/counts.js'
import { emptyCounts } from '../unread/own-counts.js'
import { loadCounts, packCounts } from '../unread/packed-counts.js'
import { storeMembership } from './membership.js'
import { changedByOthers, maxStoreTries, readUserDocuments, type UserDocuments } from './user-documents.js'
import { loadState, saveSteps, type SaveStep } from './packed-state.js'
import type { MarkLimits, UserState } from './user-state.js'
import { foldEntry, UserView } from './user-view.js'

export interface UserStore {
  load: (user: UserId) => Promise<UserView>
  /** Takes the entries after the view's head until there are no more. */
  readOn: (view: UserView) => Promise<void>
  /** Resolves when the fold is stored up to at least this seq, which the view has reached. */
  storeFold: (view: UserView, seq: number) => Promise<void>
  /** Stores the counts, and the fold before: counts never run ahead of the stored fold. */
  storeCounts: (view: UserView) => Promise<void>
}

export interface UserStoreOptions {
  readonly store: Store
  readonly clock: Clock
  readonly limits?: (MarkLimits & CountLimits) | undefined
}

const page = 1_000

export function createUserStore ({ store, clock, limits }: UserStoreOptions): UserStore {
  async function load (user: UserId): Promise<UserView> {
    const view = new UserView(user, emptyCounts(limits))
    const found = await readUserDocuments(store, view.stream)
    takeDocuments(view, found)
    view.state = loadState(view.stream, found.base, found.pieces)
    view.storedTo = view.state.foldedTo
    if (found.counts !== undefined) view.counts = loadCounts(found.counts.text, limits)
    view.head = Math.min(view.state.foldedTo, view.counts.sealedTo)
    await readOn(view)
    return view
  }

  async function readOn (view: UserView): Promise<void> {
    // The counts are only a cache: who can read, reads, though the store takes nothing.
    while (await readPage(view)) await storeCounts(view).catch(() => {})
  }

  /** True when there may be more, or counts worth storing were sealed. */
  async function readPage (view: UserView): Promise<boolean> {
    const docs = await readAfter(store, view.stream, view.head, page)
    let isSealed = false
    for (const doc of docs) isSealed = view.take(doc, clock.now) || isSealed
    return isSealed || docs.length >= page
  }

  async function storeFold (view: UserView, seq: number): Promise<void> {
    for (let tries = 0; tries < maxStoreTries; tries++) {
      if (view.storedTo >= seq) return
      // Everything up to the view's head is folded, changes or not.
      view.state.foldedTo = Math.max(view.state.foldedTo, view.head)
      if (!view.isHalfStored && await trySave(view)) return
      await reload(view)
      await readPage(view)
    }
    throw changedByOthers()
  }

  /** False where another node has stored. */
  async function trySave (view: UserView): Promise<boolean> {
    const { foldedTo } = view.state
    const steps = saveSteps(view.state, view.storedTo, clock.earliest(), limits)
    const { unstored } = view
    view.unstored = undefined
    try {
      for (const group of unstored ?? []) await storeMembership(store, view.user, group, view.memberships.get(group)!)
      for (const step of steps) if (!await saveStep(store, step)) return false
    } catch (error) {
      view.isHalfStored = true
      for (const group of unstored ?? []) (view.unstored ??= new Set()).add(group)
      throw error
    }
    view.storedTo = foldedTo
    return true
  }

  /**
   * What another node stored, folded on to where this view stands: beside it, and put in its place in one turn, so that
   * whoever counts or looks meanwhile sees a whole state.
   */
  async function reload (view: UserView): Promise<void> {
    const found = await readUserDocuments(store, view.stream)
    takeDocuments(view, found)
    const state = loadState(view.stream, found.base, found.pieces)
    const storedTo = state.foldedTo
    await foldUpTo(store, state, view)
    view.state = state
    view.storedTo = storedTo
    view.isHalfStored = false
  }

  async function storeCounts (view: UserView): Promise<void> {
    await storeFold(view, view.head)
    await replaceCounts(store, view)
  }

  return { load, readOn, storeFold, storeCounts }
}

function takeDocuments (view: UserView, { memberships, counts }: UserDocuments): void {
  for (const [group, membership] of memberships) view.takeMembership(group, membership)
  if (counts !== undefined) view.countsVersion = counts.v
}

/** Folds into the state, from where it stands, what the view has taken: also what it takes meanwhile. */
async function foldUpTo (store: Store, state: UserState, view: UserView): Promise<void> {
  for (let at = state.foldedTo; at < view.head;) {
    const docs = await readAfter(store, state.stream, at, page)
    for (const doc of docs) foldEntry(state, doc)
    const last = docs.at(-1)
    if (last === undefined) return
    at = last.seq
  }
}

/** False where another node has stored. */
async function saveStep (store: Store, { pieces }: SaveStep): Promise<boolean> {
  const outcomes = await store.replace('state', pieces.map(({ was, doc }) => ({ was, doc })))
  for (const [i, { doc, piece }] of pieces.entries()) if (outcomes[i] === 'done') piece.v = doc.v
  if (outcomes.some(outcome => outcome === 'refused')) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the state of a user could not be stored')
  return outcomes.every(outcome => outcome === 'done')
}

/** A cache of what the stream says: whoever finds it changed leaves it. */
async function replaceCounts (store: Store, view: UserView): Promise<void> {
  const doc: JsonDoc = { key: countsKey(view.stream), v: (view.countsVersion ?? -1) + 1, purgeAt: null, text: packCounts(view.counts) }
  const [outcome] = await store.replace('state', [{ was: view.countsVersion, doc }])
  if (outcome === 'done') view.countsVersion = doc.v
  else {
    const [stored] = await store.get('state', [doc.key])
    view.countsVersion = stored?.v
  }
}
