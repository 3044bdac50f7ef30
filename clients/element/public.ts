/** What a site may hear of the element and set on it. */
import type { GatepostError } from '../errors.js'
import type { Action, Message, MessageEntry, UnreadCount, VolatileMessage } from '../protocol.js'
import type { TokenSource } from '../tokens.js'
import type { Texts } from './texts.js'
import type { Category, RenderMessage } from './view/context.js'

export interface GatepostInboxEvents {
  /** A message has arrived in the inbox, live. */
  'gatepost-message': CustomEvent<MessageEntry>
  /** A message that is not kept has arrived: it is in no list, and nothing is shown of it. */
  'gatepost-volatile': CustomEvent<VolatileMessage>
  'gatepost-unread': CustomEvent<UnreadCount>
  'gatepost-error': CustomEvent<GatepostError>
  /** A message was clicked. Prevented, the component neither follows `url` nor shows the text; the message counts as read. */
  'gatepost-open': CustomEvent<{ message: Message, url: string | null }>
  /** An action was clicked. Prevented, it is neither recorded nor followed. */
  'gatepost-action': CustomEvent<{ message: Message, action: Action, url: string | null }>
  /** The user wants a new session. Prevented, the site gives another token; else the page is loaded again, or the token function asked. */
  'gatepost-sign-in': CustomEvent<null>
}

/** What may be set on the element; the attributes of these names say the same, but for `texts`, `open` and `renderMessage`. */
export interface GatepostInboxSettings {
  gate?: string | undefined
  token?: TokenSource | null | undefined
  texts?: Partial<Texts> | undefined
  open?: boolean | undefined
  theme?: 'light' | 'dark' | undefined
  /** Tabs of their own. As an attribute: `orders=Orders, news=News`. */
  categories?: readonly Category[] | string | undefined
  renderMessage?: RenderMessage | undefined
}

/** As an attribute says it. */
export const readCategories = (text: string): Category[] => text.split(',').map(part => part.trim()).filter(part => part !== '').map(part => {
  const [name = '', label] = part.split('=').map(side => side.trim())
  return { name, label: label === undefined || label === '' ? name : label }
})
