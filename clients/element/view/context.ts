/** What every part of the view has: words, times, and ways to say what the user wants. No part knows of the network. */
import type { Action, Message } from '../../protocol.js'
import type { ActionKind } from '../actions.js'
import type { Tab } from '../model/tab.js'
import type { Times } from '../model/times.js'
import type { Texts } from '../texts.js'

export interface Wanted {
  toggle (): void
  close (): void
  show (tab: Tab): void
  /** A click on a message: to where it leads, or to its text. False = the browser follows the link by itself. */
  open (message: Message, event: MouseEvent | KeyboardEvent): void
  read (message: Message): void
  back (): void
  older (): void
  reload (): void
  signIn (): void
  perform (kind: ActionKind, messages: readonly Message[]): void
  recall (message: Message): void
  choose (message: Message, action: Action, event: MouseEvent): void
  undo (): void
  retry (): void
  dismiss (): void
  markAllRead (): void
  reply (message: Message, text: string): void
  pick (ids: ReadonlySet<string> | undefined): void
  setAway (isAway: boolean): void
  setAlert (kind: 'notify' | 'sound', isOn: boolean): void
}

/** What a site draws in the place of a message's text in a row; undefined = as usual. */
export type RenderMessage = (message: Message) => Node | undefined

export interface Category {
  readonly name: string
  readonly label: string
}

/** What the site has set of the element. */
export interface Settings {
  readonly categories: readonly Category[]
  readonly renderMessage: RenderMessage
  /** Undefined = the site does not offer it. */
  readonly notify: boolean | undefined
  readonly sound: boolean | undefined
}

export interface Context {
  readonly texts: Texts
  readonly times: Times
  readonly wanted: Wanted
  readonly settings: Settings
}
