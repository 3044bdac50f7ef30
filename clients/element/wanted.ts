/** What the user wants, done: the site is asked where it has a say, then the controller or the browser does it. */
import type { Action, Message } from '../protocol.js'
import type { createSwitch } from './alerts.js'
import { askForNotifications } from './alerts.js'
import type { Controller } from './controller.js'
import { urlOf } from './model/carried.js'
import { safeUrl } from './model/links.js'
import type { Store } from './store.js'
import type { Wanted } from './view/context.js'

export interface WantedOptions {
  readonly store: Store
  /** Undefined = there is no session. */
  controller (): Controller | undefined
  setOpen (isOpen: boolean): void
  signIn (): void
  /** False where the site does it by itself. */
  ask (name: 'gatepost-open', detail: { message: Message, url: string | null }): boolean
  ask (name: 'gatepost-action', detail: { message: Message, action: Action, url: string | null }): boolean
  /** See Panel. */
  leave (): boolean
  readonly switches: Readonly<Record<'notify' | 'sound', ReturnType<typeof createSwitch>>>
}

/** So long a page that is left waits for the mark on the message that leads away. */
const patienceMs = 500

/** The user wants it in another tab or window: the browser does that. */
const isAside = (event: MouseEvent | KeyboardEvent): boolean => event.metaKey || event.ctrlKey || event.shiftKey || ('button' in event && event.button !== 0)

export function createWanted ({ store, controller, setOpen, signIn, ask, leave, switches }: WantedOptions): Wanted {
  const { dispatch } = store
  const markRead = (message: Message): void => { if (!message.read) controller()?.actions.perform('markRead', [message], { isQuiet: true }) }

  async function follow (url: string): Promise<void> {
    const done = controller()?.actions.finished()
    await Promise.race([done, new Promise(resolve => { setTimeout(resolve, patienceMs) })])
    // The panel has a place of its own in the history of a phone: the way back from there leads to the page.
    if (leave()) location.replace(url)
    else location.assign(url)
  }

  return {
    toggle () { setOpen(!store.state.isOpen) },
    close () { setOpen(false) },
    show (tab) { if (tab !== store.state.tab) controller()?.show(tab) },
    open (message, event) {
      const url = urlOf(message, document.baseURI)
      if (url !== undefined && isAside(event)) return markRead(message)
      event.preventDefault()
      const isOurs = ask('gatepost-open', { message, url: url ?? null })
      if (isOurs && url === undefined) return controller()?.select(message)
      markRead(message)
      if (isOurs && url !== undefined) void follow(url)
    },
    read (message) { controller()?.select(message) },
    back () { dispatch({ type: 'back' }) },
    older () { controller()?.older() },
    reload () { controller()?.reload() },
    signIn,
    perform (kind, messages) { controller()?.actions.perform(kind, messages) },
    recall (message) { controller()?.actions.recall(message) },
    choose (message, action, event) {
      const url = safeUrl(action.url, document.baseURI)
      const follows = url !== undefined && !isAside(event)
      if (follows || url === undefined) event.preventDefault()
      if (!ask('gatepost-action', { message, action, url: url ?? null })) return event.preventDefault()
      controller()?.actions.choose(message, action.id)
      if (follows) void follow(url)
    },
    undo () { controller()?.actions.undo() },
    retry () { controller()?.actions.retry() },
    dismiss () { controller()?.actions.dismiss() },
    markAllRead () { controller()?.markAllRead() },
    reply (message, text) { controller()?.reply(message, text) },
    pick (ids) { dispatch({ type: 'pick', ids }) },
    setAway (isAway) { if (isAway !== store.state.isAway) dispatch({ type: 'away', isAway }) },
    setAlert (kind, isOn) {
      if (kind === 'notify' && isOn) void askForNotifications().then(isGranted => { switches.notify.isOn = isGranted })
      else switches[kind].isOn = isOn
    }
  }
}
