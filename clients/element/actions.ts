/**
 * What the user does to messages: shown at once, then asked of the node; what is refused is taken back and told. Deleting is final, so it is
 * asked for only when it can no longer be undone.
 */
import { asGatepostError, type GatepostError } from '../errors.js'
import type { Inbox } from '../inbox.js'
import type { Cursors, Message } from '../protocol.js'
import { createActionQueue, type ActionQueue, type Task } from './action-queue.js'
import type { Change } from './model/change.js'
import type { Store } from './store.js'
import { createToaster, type FailedToast, type Toaster } from './toaster.js'

export type ActionKind = 'archive' | 'unarchive' | 'remove' | 'markRead' | 'markUnread'

export interface Actions extends Pick<Toaster, 'undo' | 'retry' | 'dismiss' | 'fail' | 'settle'>, Pick<ActionQueue, 'finished' | 'resume'> {
  /** `isQuiet`: nothing is told of it. */
  perform (kind: ActionKind, messages: readonly Message[], options?: { isQuiet?: boolean }): void
  /** All up to these cursors, of a category where one is given; `messages` are those of them that are at hand. */
  markAllRead (what: { upTo: Cursors, category?: string }, messages: readonly Message[]): void
  recall (message: Message): void
  /** One of the actions that the message offers. */
  choose (message: Message, action: string): void
  /** A deletion that could still be undone is done before. */
  close (): Promise<void>
}

type ActionInbox = Pick<Inbox, 'archive' | 'markRead' | 'markUnread' | 'remove' | 'recall' | 'get' | 'act'>

export interface ActionsOptions {
  store: Store
  inbox: ActionInbox
  onError: (error: GatepostError) => void
}

const changes: Readonly<Record<ActionKind, Change>> = {
  archive: { archived: true }, unarchive: { archived: false }, remove: { deleted: true }, markRead: { read: true }, markUnread: { read: false }
}
const told = { archive: 'archived', unarchive: 'unarchived', remove: 'deleted' } as const
const lastWordMs = 2_000

export function createActions ({ store, inbox, onError }: ActionsOptions): Actions {
  const queue = createActionQueue(store)
  const toaster = createToaster(store, () => { release() })
  const run = runsOf(store, inbox)
  /** A deletion that may still be undone. */
  let held: Task | undefined

  function release (): void {
    const task = held
    held = undefined
    if (task !== undefined) queue.add(task)
  }

  const task = taskMaker(toaster, onError)
  const show = ({ ids, wish }: Task, isWished = true): void => { store.dispatch({ type: isWished ? 'wish' : 'unwish', ids, wish }) }
  const begin = (made: Task): void => {
    show(made)
    queue.add(made)
  }

  function perform (kind: ActionKind, messages: readonly Message[], { isQuiet = false } = {}): void {
    if (messages.length === 0) return
    if (!isQuiet) toaster.settle()
    const made = task(kind, changes[kind], messages, run[kind], () => { perform(kind, messages) })
    if (kind !== 'remove') begin(made)
    else {
      show(made)
      held = made
    }
    if (isQuiet || kind === 'markRead' || kind === 'markUnread') return
    toaster.tell({ kind: told[kind], count: messages.length }, () => {
      if (kind === 'remove') {
        held = undefined
        return show(made, false)
      }
      perform(kind === 'archive' ? 'unarchive' : 'archive', messages, { isQuiet: true })
      // What was taken out of the list already comes back to its place.
      store.dispatch({ type: 'found', messages })
    })
  }

  function markAllRead (what: { upTo: Cursors, category?: string }, messages: readonly Message[]): void {
    begin(task('markRead', { read: true }, messages, async () => { await inbox.markRead(what); return [] }, () => { markAllRead(what, messages) }))
  }

  function recall (message: Message): void {
    queue.add(task('recall', { recalled: true }, [message], async () => {
      await inbox.recall(message.id)
      toaster.tell({ kind: 'recalled' })
      return []
    }, () => { recall(message) }))
  }

  function choose (message: Message, action: string): void {
    begin(task('act', { acted: action, read: true }, [message], async made => await act(store, inbox, message, action, made), () => { choose(message, action) }))
  }

  return {
    ...toaster,
    finished: queue.finished,
    resume: queue.resume,
    perform,
    markAllRead,
    recall,
    choose,
    async close () {
      const isHeld = held !== undefined
      toaster.settle()
      if (isHeld) await Promise.race([queue.finished(), new Promise(resolve => { setTimeout(resolve, lastWordMs) })])
      queue.close()
    }
  }
}

type Work = (task: Task) => Promise<readonly Message[]>

/** `again` does the same once more, after a refusal. */
const taskMaker = (toaster: Toaster, onError: (error: GatepostError) => void) =>
  (what: FailedToast['what'], change: Change, messages: readonly Message[], work: Work, again: () => void): Task => {
    const made: Task = {
      wish: { change },
      ids: messages.map(({ id }) => id),
      run: async () => await work(made),
      onRefused (error) {
        onError(error)
        if (error.code === 'GP_RECALL_EXPIRED') toaster.tell({ kind: 'recallLate' })
        else toaster.fail(what, again)
      }
    }
    return made
  }

/** What each kind of action asks. */
function runsOf (store: Store, inbox: ActionInbox): Readonly<Record<ActionKind, Work>> {
  /** One after the other: what is done stays done where a later one fails. A message that is gone is as good as done. */
  const each = (work: (id: string) => Promise<Message | undefined>) => async (task: Task): Promise<Message[]> => {
    const found: Message[] = []
    for (const id of task.ids) {
      try {
        const message = await work(id)
        if (message !== undefined) found.push(message)
      } catch (error) {
        if (asGatepostError(error).code !== 'GP_NOT_FOUND') throw error
        store.dispatch({ type: 'done', ids: [id], wish: { change: { deleted: true } } })
      }
      task.ids = task.ids.filter(other => other !== id)
      store.dispatch({ type: 'done', ids: [id], wish: task.wish })
    }
    return found
  }
  return {
    archive: each(async id => { await inbox.archive(id, true); return undefined }),
    unarchive: each(async id => await inbox.archive(id, false)),
    remove: each(async id => { await inbox.remove(id); return undefined }),
    markUnread: each(async id => await inbox.markUnread(id)),
    async markRead ({ ids }) { await inbox.markRead(ids); return [] }
  }
}

async function act (store: Store, inbox: ActionInbox, { id }: Message, action: string, task: Task): Promise<Message[]> {
  try {
    await inbox.act(id, action)
    return []
  } catch (error) {
    // Another device was faster: what it chose is shown.
    if (asGatepostError(error).code !== 'GP_CONFLICT') throw error
    store.dispatch({ type: 'unwish', ids: [id], wish: task.wish })
    task.wish = { change: {} }
    return [await inbox.get(id)]
  }
}
