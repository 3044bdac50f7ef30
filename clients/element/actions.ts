/**
 * What the user does to messages: shown at once, then asked of the node, in the order in which it was done. What cannot be asked now
 * waits for the connection; what is refused is taken back and told. Deleting is final, so it is asked for only when it can no longer be undone.
 */
import { asGatepostError, type GatepostError } from '../errors.js'
import type { Inbox } from '../inbox.js'
import type { Cursors, Message } from '../protocol.js'
import type { Change } from './model/change.js'
import type { Toast, Wish } from './model/state.js'
import type { Store } from './store.js'

export type ActionKind = 'archive' | 'unarchive' | 'remove' | 'markRead' | 'markUnread'

export interface Actions {
  perform (kind: ActionKind, messages: readonly Message[], options?: { isQuiet?: boolean }): void
  /** All up to these cursors, of a category where one is given; `messages` are those of them that are at hand. */
  markAllRead (what: { upTo: Cursors, category?: string }, messages: readonly Message[]): void
  recall (message: Message): void
  /** One of the actions that the message offers. */
  choose (message: Message, action: string): void
  /** Of what the toast tells. */
  undo (): void
  /** What the toast says has failed. */
  retry (): void
  dismiss (): void
  /** Tells of a failure that is not one of these actions. */
  fail (what: FailedToast['what'], again: () => void): void
  /** What can still be undone is done now. */
  settle (): void
  /** Resolves when nothing is being asked any more, or what is asked waits for the connection. */
  finished (): Promise<void>
  /** The connection is there: what waited for it. */
  resume (): void
  /** A deletion that could still be undone is done before. */
  close (): Promise<void>
}

type FailedToast = Extract<Toast, { kind: 'failed' }>

interface Task {
  readonly what: FailedToast['what']
  wish: Wish
  ids: readonly string[]
  readonly run: (ids: readonly string[]) => Promise<readonly Message[]>
  /** Does the same again, after a refusal. */
  readonly again: () => void
}

export interface ActionsOptions {
  store: Store
  inbox: Pick<Inbox, 'archive' | 'markRead' | 'markUnread' | 'remove' | 'recall' | 'get' | 'act'>
  onError: (error: GatepostError) => void
}

const changes: Readonly<Record<ActionKind, Change>> = {
  archive: { archived: true }, unarchive: { archived: false }, remove: { deleted: true }, markRead: { read: true }, markUnread: { read: false }
}
const told = { archive: 'archived', unarchive: 'unarchived', remove: 'deleted' } as const
const opposite = { archive: 'unarchive', unarchive: 'archive' } as const
const toastMs = 7_000
/** After a refusal that may pass, where the connection tells nothing. */
const patienceMs = 5_000
const lastWordMs = 2_000

export function createActions ({ store, inbox, onError }: ActionsOptions): Actions {
  let queue: Task[] = []
  let isRunning = false
  let running: Promise<void> | undefined
  let isClosed = false
  let undoing: (() => void) | undefined
  let retrying: (() => void) | undefined
  /** A deletion that may still be undone. */
  let held: Task | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let waking: ReturnType<typeof setTimeout> | undefined

  function tell (toast: Toast | undefined): void {
    clearTimeout(timer)
    store.dispatch({ type: 'toast', toast })
    // What has failed stands until it is looked at.
    if (toast !== undefined && toast.kind !== 'failed') timer = setTimeout(settle, toastMs)
  }

  function settle (): void {
    clearTimeout(timer)
    undoing = undefined
    const task = held
    held = undefined
    if (store.state.toast !== undefined && store.state.toast.kind !== 'failed') store.dispatch({ type: 'toast', toast: undefined })
    if (task !== undefined) add(task)
  }

  function add (task: Task): void {
    queue.push(task)
    void drain()
  }

  async function drain (): Promise<void> {
    if (!isRunning && !isClosed) {
      isRunning = true
      running = run()
    }
    await running
  }

  async function run (): Promise<void> {
    clearTimeout(waking)
    while (queue[0] !== undefined && !isClosed) {
      const task = queue[0]
      const { ids } = task
      try {
        const found = await task.run(ids)
        store.dispatch({ type: 'done', ids: task.ids, wish: task.wish })
        if (found.length > 0) store.dispatch({ type: 'found', messages: found })
      } catch (caught) {
        const error = asGatepostError(caught)
        if (isClosed) break
        // It is tried again when the connection is back; what is behind it waits too, so that the order stays.
        if (error.retry !== 'never') {
          store.dispatch({ type: 'waiting', count: queue.length })
          waking = setTimeout(() => { void drain() }, patienceMs)
          break
        }
        refuse(task, error)
      }
      queue.shift()
      if (store.state.waiting > 0) store.dispatch({ type: 'waiting', count: queue.length })
    }
    isRunning = false
  }

  function refuse (task: Task, error: GatepostError): void {
    store.dispatch({ type: 'wish', ids: task.ids.filter(id => store.state.wishes.get(id) === task.wish), wish: undefined })
    onError(error)
    if (error.code === 'GP_RECALL_EXPIRED') tell({ kind: 'recallLate' })
    else fail(task.what, task.again)
  }

  function fail (what: FailedToast['what'], again: () => void): void {
    retrying = again
    tell({ kind: 'failed', what })
  }

  function begin (task: Task): void {
    store.dispatch({ type: 'wish', ids: task.ids, wish: task.wish })
  }

  /** One after the other: what is done stays done where a later one fails. A message that is gone is as good as done. */
  const each = (work: (id: string) => Promise<Message | undefined>) => async function run (this: Task, ids: readonly string[]): Promise<Message[]> {
    const found: Message[] = []
    for (const id of ids) {
      try {
        const message = await work(id)
        if (message !== undefined) found.push(message)
      } catch (error) {
        if (asGatepostError(error).code !== 'GP_NOT_FOUND') throw error
        store.dispatch({ type: 'done', ids: [id], wish: { change: { deleted: true } } })
      }
      this.ids = this.ids.filter(other => other !== id)
      store.dispatch({ type: 'done', ids: [id], wish: this.wish })
    }
    return found
  }

  const runs: Readonly<Record<ActionKind, (this: Task, ids: readonly string[]) => Promise<readonly Message[]>>> = {
    archive: each(async id => { await inbox.archive(id, true); return undefined }),
    unarchive: each(async id => await inbox.archive(id, false)),
    remove: each(async id => { await inbox.remove(id); return undefined }),
    markUnread: each(async id => await inbox.markUnread(id)),
    async markRead (ids) { await inbox.markRead(ids); return [] }
  }

  function perform (kind: ActionKind, messages: readonly Message[], { isQuiet = false } = {}): void {
    if (messages.length === 0) return
    settle()
    const task: Task = {
      what: kind, wish: { change: changes[kind] }, ids: messages.map(({ id }) => id), run: runs[kind], again: () => { perform(kind, messages) }
    }
    begin(task)
    if (kind === 'remove') held = task
    else add(task)
    if (isQuiet || !(kind in told)) return
    undoing = kind === 'remove' ? () => { held = undefined; store.dispatch({ type: 'wish', ids: task.ids, wish: undefined }) } : restore(kind as keyof typeof opposite, messages)
    tell({ kind: told[kind as keyof typeof told], count: messages.length })
  }

  const restore = (kind: keyof typeof opposite, messages: readonly Message[]) => (): void => {
    perform(opposite[kind], messages, { isQuiet: true })
    // What was taken out of the list already comes back to its place.
    store.dispatch({ type: 'found', messages })
  }

  function markAllRead (what: { upTo: Cursors, category?: string }, messages: readonly Message[]): void {
    const task: Task = {
      what: 'markRead',
      wish: { change: { read: true } },
      ids: messages.map(({ id }) => id),
      async run () { await inbox.markRead(what); return [] },
      again: () => { markAllRead(what, messages) }
    }
    begin(task)
    add(task)
  }

  function recall (message: Message): void {
    settle()
    add({
      what: 'recall',
      wish: { change: { recalled: true } },
      ids: [message.id],
      async run () { await inbox.recall(message.id); tell({ kind: 'recalled' }); return [] },
      again: () => { recall(message) }
    })
  }

  function choose (message: Message, action: string): void {
    const task: Task = {
      what: 'act',
      wish: { change: { acted: action, read: true } },
      ids: [message.id],
      async run () {
        try {
          await inbox.act(message.id, action)
          return []
        } catch (error) {
          // Another device was faster: what it chose is shown.
          if (asGatepostError(error).code !== 'GP_CONFLICT') throw error
          store.dispatch({ type: 'wish', ids: [message.id], wish: undefined })
          task.wish = { change: {} }
          return [await inbox.get(message.id)]
        }
      },
      again: () => { choose(message, action) }
    }
    begin(task)
    add(task)
  }

  return {
    perform,
    markAllRead,
    recall,
    choose,
    fail,
    dismiss () { tell(undefined) },
    undo () {
      const undo = undoing
      undoing = undefined
      tell(undefined)
      undo?.()
    },
    retry () {
      const again = retrying
      retrying = undefined
      tell(undefined)
      again?.()
    },
    settle,
    finished: drain,
    resume () { void drain() },
    async close () {
      const isHeld = held !== undefined
      settle()
      const last = isHeld ? drain() : undefined
      if (last !== undefined) await Promise.race([last, new Promise(resolve => { setTimeout(resolve, lastWordMs) })])
      isClosed = true
      queue = []
      clearTimeout(timer)
      clearTimeout(waking)
    }
  }
}
