/**
 * The users that this node knows: each one's state, groups and own unread counts, as of some seq of the user's own
 * stream. Live entries move a view on; `fresh` asks the store whether the stream has grown, so what is answered to a
 * request is never older than the request.
 *
 * Loading: all state documents of the user in one range, then the own stream from where they stand. Storing: the
 * fold's documents, replaced only if unchanged; who finds them changed (another node stored) loads again, folds what
 * is missing and tries once more.
 */
import { decodeTime, timeOfId, toMs, type Clock } from '../../../../shared/contract/clock.js'
import { GatepostError } from '../../../../shared/contract/errors.js'
import { countsKey, ownerPrefix, ownerRange, stateBaseKey } from '../../../../shared/store/keys.js'
import { userStream, type GroupId, type StreamId, type UserId } from '../../../../shared/contract/names.js'
import { placeOfEntry, type EntryDoc, type JsonDoc, type Store } from '../../../../shared/store/store.js'
import { parseChange } from '../../log/change.js'
import type { Heads } from '../../log/heads.js'
import { readAfter } from '../../log/read.js'
import { parseMembership, storeMembership, type Membership } from './membership.js'
import { countEntry, emptyCounts, type CountLimits, type OwnCounts } from '../unread/own-counts.js'
import { loadCounts, packCounts } from '../unread/packed-counts.js'
import { foldChange, loadState, saveSteps, type MarkLimits, type SaveStep, type StoredPiece, type UserState } from './user-state.js'

export interface UserView {
  readonly user: UserId
  readonly stream: StreamId
  /** The seq of the own stream up to which this view stands. */
  head: number
  state: UserState
  readonly memberships: Map<GroupId, Membership>
  /** Groups whose membership was read from an entry: its documents are stored before the fold passes that entry. */
  unstored: Set<GroupId> | undefined
  counts: OwnCounts
  /** The stored version of the counts' document. */
  countsVersion: number | undefined
  /** The seq of the own stream up to which its fold is stored. */
  storedTo: number
  /** Storing failed, so nobody knows what of it is stored: the documents are read again before the next time. */
  isHalfStored: boolean
  /** While it is loaded for the first time, live entries are left to the reading that follows. */
  phase: 'live' | 'loading'
  /** Loading and storing of one view come one after the other. */
  busy: Promise<unknown>
}

export interface UserViews {
  /** The view, loaded, and as new as a read that begins now. */
  fresh: (user: UserId) => Promise<UserView>
  /** The view of the user whose own stream this is, if it is in memory, however old. */
  peek: (own: StreamId) => UserView | undefined
  /** Takes an entry of a user's own stream as it comes live. */
  accept: (stream: StreamId, doc: EntryDoc) => void
  /** The user has left this group by an entry of the own stream that may not be known here yet. */
  noteLeave: (own: StreamId, group: GroupId, seq: number) => void
  /** Resolves when the fold is stored up to at least this seq of the own stream. */
  storeFold: (user: UserId, seq: number) => Promise<void>
  /** Keeps a view in memory while something of the user is open here; returns what ends it. */
  pin: (user: UserId) => () => void
}

const maxViews = 20_000
const page = 1_000
const maxStoreTries = 20

export const groupsOf = (view: UserView): GroupId[] => [...view.memberships].filter(([, { isMember }]) => isMember).map(([group]) => group)

export interface UserViewsOptions {
  readonly store: Store
  readonly heads: Heads
  readonly clock: Clock
  readonly limits?: MarkLimits & CountLimits
}

export function createUserViews ({ store, heads, clock, limits }: UserViewsOptions): UserViews {
  const views = new Map<UserId, Promise<UserView>>()
  /** By the user's own stream. */
  const loaded = new Map<StreamId, UserView>()
  const pins = new Map<UserId, number>()

  function viewOf (user: UserId): Promise<UserView> {
    let view = views.get(user)
    if (view === undefined) {
      view = load(user)
      view.then(ready => { loaded.set(ready.stream, ready) }, () => { views.delete(user) })
      if (views.size >= maxViews) evict()
    } else {
      views.delete(user)
    }
    views.set(user, view)
    return view
  }

  function evict (): void {
    let left = 64 // of the oldest, those not in use
    for (const user of views.keys()) {
      if (left-- === 0) return
      if (pins.has(user)) continue
      views.delete(user)
      loaded.delete(userStream(user))
    }
  }

  async function load (user: UserId): Promise<UserView> {
    const stream = userStream(user)
    const view: UserView = { user, stream, head: 0, state: loadState(stream, undefined, []), memberships: new Map(), unstored: undefined, counts: emptyCounts(limits), countsVersion: undefined, storedTo: 0, isHalfStored: false, phase: 'loading', busy: Promise.resolve() }
    view.state = await loadDocs(view, true)
    view.storedTo = view.state.foldedTo
    view.head = Math.min(view.state.foldedTo, view.counts.sealedTo)
    await readOn(view)
    view.phase = 'live'
    return view
  }

  /** Reads the stored documents: memberships into the view, the counts too on the first load; gives the state as it is stored. */
  async function loadDocs (view: UserView, isFirst: boolean): Promise<UserState> {
    for (let tries = 0; tries < maxStoreTries; tries++) {
      const { base, pieces } = await readDocs(view, isFirst)
      if (pieces.length === 0) return loadState(view.stream, base, pieces)
      // Another node may have split a piece since the base was read.
      const [again] = await store.get('state', [stateBaseKey(view.stream)])
      if (again?.v === base?.v) return loadState(view.stream, base, pieces)
    }
    throw new GatepostError('GP_STORE_UNAVAILABLE', 'the state of a user was changed by others again and again; try again')
  }

  async function readDocs (view: UserView, isFirst: boolean): Promise<{ base: JsonDoc | undefined, pieces: StoredPiece[] }> {
    const prefix = ownerPrefix(view.stream)
    let base: JsonDoc | undefined
    const pieces: StoredPiece[] = []
    let { from, to } = ownerRange(view.stream)
    for (;;) {
      const docs = await store.range('state', { from, to }, { limit: page })
      for (const doc of docs) {
        const rest = doc.key.slice(prefix.length)
        if (doc.key === stateBaseKey(view.stream)) base = doc
        else if (doc.key === countsKey(view.stream)) {
          view.countsVersion = doc.v
          if (isFirst) view.counts = loadCounts(doc.text, limits)
        } else if (rest.startsWith('p')) pieces.push({ from: decodeTime(rest.slice(1)), doc })
        else if (rest.startsWith('m')) takeMembership(view, rest.slice(1) as GroupId, parseMembership(doc))
      }
      const last = docs.at(-1)
      if (last === undefined || docs.length < page) return { base, pieces }
      from = last.key + '\0'
    }
  }

  function takeMembership (view: UserView, group: GroupId, membership: Membership): void {
    const known = view.memberships.get(group)
    if (known === undefined || known.seq < membership.seq) view.memberships.set(group, membership)
  }

  /** Takes the entries after the view's head until there are no more. */
  async function readOn (view: UserView): Promise<void> {
    // The counts are only a cache: who can read, reads, though the store takes nothing.
    while (await readPage(view)) await storeCounts(view).catch(() => {})
  }

  /** True when there may be more, or counts worth storing were sealed. */
  async function readPage (view: UserView): Promise<boolean> {
    const docs = await readAfter(store, view.stream, view.head, page)
    let isSealed = false
    for (const doc of docs) isSealed = take(view, doc) || isSealed
    return isSealed || docs.length >= page
  }

  /** The next entry of the own stream. True when counts were sealed. */
  function take (view: UserView, doc: EntryDoc): boolean {
    if (doc.seq <= view.head && doc.seq <= view.state.foldedTo) return false
    const change = doc.kind === 'change' ? parseChange(doc) : undefined
    if (change !== undefined) {
      if (change.type === 'membership') {
        takeMembership(view, change.group as GroupId, { isMember: change.joined, seq: doc.seq, after: change.after ?? 0, at: toMs(timeOfId(doc.id)) })
        view.unstored ??= new Set()
        view.unstored.add(change.group as GroupId)
      }
      foldChange(view.state, doc.seq, change)
    }
    if (doc.seq <= Math.max(view.head, view.counts.sealedTo)) { view.head = Math.max(view.head, doc.seq); return false }
    view.head = doc.seq
    return countEntry(view.counts, doc, change, view.state, clock.now)
  }

  /** One after the other for each view; an earlier failure is its own caller's. */
  async function inTurn<T> (view: UserView, work: () => Promise<T>): Promise<T> {
    const turn = view.busy.then(work, work)
    view.busy = turn.catch(() => {})
    return await turn
  }

  /** A cache of what the stream says: whoever finds it changed leaves it. Counts never run ahead of the stored fold. */
  async function storeCounts (view: UserView): Promise<void> {
    await saveFold(view, view.head)
    const doc: JsonDoc = { key: countsKey(view.stream), v: (view.countsVersion ?? -1) + 1, purgeAt: null, text: packCounts(view.counts) }
    const [outcome] = await store.replace('state', [{ was: view.countsVersion, doc }])
    if (outcome === 'done') view.countsVersion = doc.v
    else {
      const [stored] = await store.get('state', [doc.key])
      view.countsVersion = stored?.v
    }
  }

  async function saveFold (view: UserView, seq: number): Promise<void> {
    for (let tries = 0; tries < maxStoreTries; tries++) {
      if (view.storedTo >= seq) return
      // Everything up to the view's head is folded, changes or not.
      view.state.foldedTo = Math.max(view.state.foldedTo, view.head)
      if (!view.isHalfStored && await trySave(view)) return
      await reload(view)
      await readPage(view)
    }
    throw new GatepostError('GP_STORE_UNAVAILABLE', 'the state of a user was changed by others again and again; try again')
  }

  async function trySave (view: UserView): Promise<boolean> {
    const { foldedTo } = view.state
    const steps = saveSteps(view.state, view.storedTo, clock.earliest(), limits)
    const { unstored } = view
    view.unstored = undefined
    try {
      for (const group of unstored ?? []) await storeMembership(store, view.user, group, view.memberships.get(group)!)
      return await saveAll(view, steps, foldedTo)
    } catch (error) {
      view.isHalfStored = true
      for (const group of unstored ?? []) (view.unstored ??= new Set()).add(group)
      throw error
    }
  }

  async function saveAll (view: UserView, steps: readonly SaveStep[], foldedTo: number): Promise<boolean> {
    for (const step of steps) {
      const outcomes = await store.replace('state', step.pieces.map(({ was, doc }) => ({ was, doc })))
      for (const [i, { doc, piece }] of step.pieces.entries()) {
        if (outcomes[i] === 'done') piece.v = doc.v
      }
      if (outcomes.some(outcome => outcome === 'refused')) throw new GatepostError('GP_STORE_UNAVAILABLE', 'the state of a user could not be stored')
      if (outcomes.some(outcome => outcome !== 'done')) return false
    }
    view.storedTo = foldedTo
    return true
  }

  /**
   * What another node stored, folded on to where this view stands: beside it, and put in its place in one turn, so that
   * whoever counts or looks meanwhile sees a whole state.
   */
  async function reload (view: UserView): Promise<void> {
    const state = await loadDocs(view, false)
    const storedTo = state.foldedTo
    for (let at = storedTo; at < view.head;) {
      const docs = await readAfter(store, view.stream, at, page)
      for (const doc of docs) {
        const change = doc.kind === 'change' ? parseChange(doc) : undefined
        if (change !== undefined) foldChange(state, doc.seq, change)
      }
      const last = docs.at(-1)
      if (last === undefined) break
      at = last.seq
    }
    view.state = state
    view.storedTo = storedTo
    view.isHalfStored = false
  }

  const accept = (stream: StreamId, doc: EntryDoc): void => {
    const view = loaded.get(stream)
    if (view?.phase !== 'live' || doc.seq <= view.head || placeOfEntry(doc.key).prev !== view.head) return // a hole: `fresh` reads on
    if (take(view, doc)) void inTurn(view, async () => await storeCounts(view)).catch(() => {}) // only a cache
  }

  return {
    peek: own => loaded.get(own),
    accept,
    noteLeave: (own, group, seq) => {
      const view = loaded.get(own)
      if (view !== undefined) takeMembership(view, group, { isMember: false, seq, after: 0 })
    },
    fresh: async user => {
      const view = await viewOf(user)
      const [head] = await heads.fresh([view.stream])
      if (head !== undefined && head > view.head) {
        await inTurn(view, async () => { if (head > view.head) await readOn(view) })
      }
      return view
    },
    storeFold: async (user, seq) => {
      const view = await viewOf(user)
      await inTurn(view, async () => {
        if (view.head < seq) await readOn(view)
        await saveFold(view, seq)
      })
    },
    pin: user => {
      pins.set(user, (pins.get(user) ?? 0) + 1)
      return () => {
        const left = (pins.get(user) ?? 1) - 1
        if (left > 0) pins.set(user, left)
        else pins.delete(user)
      }
    }
  }
}
