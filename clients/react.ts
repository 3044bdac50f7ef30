'use client'
/** The inbox in React 18 and 19, rendered on a server or not: the component, and hooks for a bell of one's own. */
import { createElement, forwardRef, useEffect, useImperativeHandle, useRef, useState, useSyncExternalStore, type DetailedHTMLProps, type HTMLAttributes } from 'react'
import type { Texts } from './element/texts.js'
import type { GatepostError } from './errors.js'
import type { GatepostInbox as GatepostInboxElement, GatepostInboxEvents, GatepostInboxSettings } from './gatepost-inbox.js'
import './gatepost-inbox.js'
import { createInboxStore, emptySnapshot, type InboxHookOptions, type InboxSnapshot } from './inbox-store.js'
import type { MessageEntry, UnreadCount, VolatileMessage } from './protocol.js'
import type { TokenSource } from './tokens.js'

export type { InboxHookOptions, InboxSnapshot } from './inbox-store.js'
export type { GatepostInbox as GatepostInboxElement } from './gatepost-inbox.js'

export interface GatepostInboxProps extends Omit<HTMLAttributes<HTMLElement>, 'dangerouslySetInnerHTML' | 'onError'> {
  gate: string
  /** Without one there is a bell that is not connected. Never part of what a server renders. */
  token: TokenSource | null | undefined
  texts?: Partial<Texts> | undefined
  /** Opens and closes the panel when it changes; the user may do so too. */
  open?: boolean | undefined
  theme?: 'light' | 'dark' | undefined
  /** Tabs of their own. */
  categories?: GatepostInboxSettings['categories']
  /** Draws a message's text in its row. */
  renderMessage?: GatepostInboxSettings['renderMessage']
  /** A message was clicked; `preventDefault()` leaves what follows to the site. So it is with the next two. */
  onOpen?: ((event: GatepostInboxEvents['gatepost-open']) => void) | undefined
  onAction?: ((event: GatepostInboxEvents['gatepost-action']) => void) | undefined
  onSignIn?: ((event: GatepostInboxEvents['gatepost-sign-in']) => void) | undefined
  /** A message has arrived, live. */
  onMessage?: ((message: MessageEntry) => void) | undefined
  /** One that is not kept. */
  onVolatile?: ((message: VolatileMessage) => void) | undefined
  onUnread?: ((count: UnreadCount) => void) | undefined
  onError?: ((error: GatepostError) => void) | undefined
}

/** The bell and its panel; a ref gives the element, children go into its slots. */
export const GatepostInbox = forwardRef<GatepostInboxElement, GatepostInboxProps>(function GatepostInbox (props, ref) {
  const { gate, token, texts, open, categories, renderMessage, onMessage, onVolatile, onUnread, onError, onOpen, onAction, onSignIn, className, ...attributes } = props
  const element = useRef<GatepostInboxElement>(null)
  const callbacks = useRef({ onMessage, onVolatile, onUnread, onError, onOpen, onAction, onSignIn })
  useImperativeHandle(ref, () => element.current as GatepostInboxElement)

  // By effects, for hydration sets no property of a custom element, and listens to none of its events.
  useEffect(() => { callbacks.current = { onMessage, onVolatile, onUnread, onError, onOpen, onAction, onSignIn } })
  useEffect(() => {
    const to = element.current
    if (to === null) return
    const listening = new AbortController()
    const { signal } = listening
    to.addEventListener('gatepost-message', ({ detail }) => callbacks.current.onMessage?.(detail), { signal })
    to.addEventListener('gatepost-volatile', ({ detail }) => callbacks.current.onVolatile?.(detail), { signal })
    to.addEventListener('gatepost-unread', ({ detail }) => callbacks.current.onUnread?.(detail), { signal })
    to.addEventListener('gatepost-error', ({ detail }) => callbacks.current.onError?.(detail), { signal })
    to.addEventListener('gatepost-open', event => callbacks.current.onOpen?.(event), { signal })
    to.addEventListener('gatepost-action', event => callbacks.current.onAction?.(event), { signal })
    to.addEventListener('gatepost-sign-in', event => callbacks.current.onSignIn?.(event), { signal })
    return () => { listening.abort() }
  }, [])
  useEffect(() => { if (element.current !== null) element.current.gate = gate }, [gate])
  useEffect(() => { if (element.current !== null) element.current.token = token ?? null }, [token])
  useEffect(() => { if (element.current !== null && texts !== undefined) element.current.texts = texts }, [texts])
  useEffect(() => { if (element.current !== null && categories !== undefined) element.current.categories = categories }, [categories])
  useEffect(() => { if (element.current !== null) element.current.renderMessage = renderMessage }, [renderMessage])
  useEffect(() => { if (element.current !== null && open !== undefined) element.current.open = open }, [open])

  return createElement('gatepost-inbox', { ...attributes, ...className === undefined ? {} : { class: className }, ref: element, gate })
})

/** An inbox that lives as long as the component: made after the first rendering in a browser, kept over new tokens of the same user. */
export function useInbox (options: InboxHookOptions): InboxSnapshot {
  const [store] = useState(createInboxStore)
  useEffect(() => { store.set(options) })
  useEffect(() => () => { store.set(undefined) }, [store])
  return useSyncExternalStore(store.subscribe, () => store.snapshot, () => emptySnapshot)
}

/** How many messages are unread, for a badge of one's own. */
export function useUnread (options: InboxHookOptions): UnreadCount {
  return useInbox(options).unread
}

interface ElementProps extends GatepostInboxSettings, DetailedHTMLProps<HTMLAttributes<GatepostInboxElement>, GatepostInboxElement> {
  class?: string | undefined
  'ongatepost-message'?: ((event: CustomEvent<MessageEntry>) => void) | undefined
  'ongatepost-volatile'?: ((event: CustomEvent<VolatileMessage>) => void) | undefined
  'ongatepost-unread'?: ((event: CustomEvent<UnreadCount>) => void) | undefined
  'ongatepost-error'?: ((event: CustomEvent<GatepostError>) => void) | undefined
  'ongatepost-open'?: ((event: GatepostInboxEvents['gatepost-open']) => void) | undefined
  'ongatepost-action'?: ((event: GatepostInboxEvents['gatepost-action']) => void) | undefined
  'ongatepost-sign-in'?: ((event: GatepostInboxEvents['gatepost-sign-in']) => void) | undefined
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements { 'gatepost-inbox': ElementProps }
  }
}
