/** The inbox in Vue 3, rendered on a server or not: the component, and composables for a bell of one's own. */
import type {} from 'vue/jsx-runtime'
import { computed, defineComponent, h, onMounted, onScopeDispose, shallowRef, toValue, watch, type ComputedRef, type MaybeRefOrGetter, type PropType, type ShallowRef } from 'vue'
import type { ConnectionState } from './connection.js'
import type { Texts } from './element/texts.js'
import type { GatepostError } from './errors.js'
import type { GatepostInbox as GatepostInboxElement, GatepostInboxEvents, GatepostInboxSettings, RenderMessage } from './gatepost-inbox.js'
import './gatepost-inbox.js'
import type { Inbox } from './inbox.js'
import { createInboxStore, type InboxHookOptions, type InboxSnapshot } from './inbox-store.js'
import type { MessageEntry, UnreadCount, VolatileMessage } from './protocol.js'
import type { TokenSource } from './tokens.js'

export type { InboxHookOptions } from './inbox-store.js'
export type { GatepostInbox as GatepostInboxElement } from './gatepost-inbox.js'

/** The bell and its panel; what is in it goes into the element's slots, other attributes (class, lang, theme) go to the element, and `element` is exposed. */
export const GatepostInbox = defineComponent({
  name: 'GatepostInbox',
  props: {
    gate: { type: String, required: true },
    /** Without one there is a bell that is not connected. Never part of what a server renders. */
    token: { type: [String, Function] as PropType<TokenSource | null>, default: null },
    texts: { type: Object as PropType<Partial<Texts>>, default: undefined },
    /** Opens and closes the panel when it changes; the user may do so too. */
    open: { type: Boolean, default: undefined },
    /** Tabs of their own. */
    categories: { type: [Array, String] as PropType<GatepostInboxSettings['categories']>, default: undefined },
    /** Draws a message's text in its row. */
    renderMessage: { type: Function as PropType<RenderMessage>, default: undefined }
  },
  emits: {
    message: (_message: MessageEntry) => true,
    /** One that is not kept. */
    volatile: (_message: VolatileMessage) => true,
    unread: (_count: UnreadCount) => true,
    error: (_error: GatepostError) => true,
    /** A message was clicked; `preventDefault()` leaves what follows to the site. So it is with the next two. */
    open: (_event: GatepostInboxEvents['gatepost-open']) => true,
    action: (_event: GatepostInboxEvents['gatepost-action']) => true,
    signIn: (_event: GatepostInboxEvents['gatepost-sign-in']) => true
  },
  setup (props, { emit, expose, slots }) {
    const element = shallowRef<GatepostInboxElement>()
    expose({ element })
    onMounted(() => {
      const to = element.value
      if (to === undefined) return
      to.addEventListener('gatepost-message', ({ detail }) => { emit('message', detail) })
      to.addEventListener('gatepost-volatile', ({ detail }) => { emit('volatile', detail) })
      to.addEventListener('gatepost-unread', ({ detail }) => { emit('unread', detail) })
      to.addEventListener('gatepost-error', ({ detail }) => { emit('error', detail) })
      to.addEventListener('gatepost-open', event => { emit('open', event) })
      to.addEventListener('gatepost-action', event => { emit('action', event) })
      to.addEventListener('gatepost-sign-in', event => { emit('signIn', event) })
      // By watching, for what is set in a template is an attribute where the element was not defined in time.
      watch(() => props.gate, gate => { to.gate = gate }, { immediate: true })
      watch(() => props.token, token => { to.token = token }, { immediate: true })
      watch(() => props.texts, texts => { if (texts !== undefined) to.texts = texts }, { immediate: true })
      watch(() => props.categories, categories => { if (categories !== undefined) to.categories = categories }, { immediate: true })
      watch(() => props.renderMessage, render => { to.renderMessage = render }, { immediate: true })
      watch(() => props.open, open => { if (open !== undefined) to.open = open }, { immediate: true })
    })
    return () => h('gatepost-inbox', { ref: element, gate: props.gate }, slots['default']?.())
  }
})

export interface InboxRefs {
  /** Undefined on a server, before the component is mounted, and while nobody is signed in. */
  readonly inbox: ComputedRef<Inbox | undefined>
  readonly state: ComputedRef<ConnectionState | 'idle'>
  readonly unread: ComputedRef<UnreadCount>
}

/** An inbox that lives as long as the component: made when it is mounted, kept over new tokens of the same user. */
export function useInbox (options: MaybeRefOrGetter<InboxHookOptions>): InboxRefs {
  const store = createInboxStore()
  const snapshot: ShallowRef<InboxSnapshot> = shallowRef(store.snapshot)
  const unsubscribe = store.subscribe(() => { snapshot.value = store.snapshot })
  onMounted(() => { watch(() => ({ ...toValue(options) }), latest => { store.set(latest) }, { immediate: true }) })
  onScopeDispose(() => {
    unsubscribe()
    store.set(undefined)
  })
  return {
    inbox: computed(() => snapshot.value.inbox),
    state: computed(() => snapshot.value.state),
    unread: computed(() => snapshot.value.unread)
  }
}

/** How many messages are unread, for a badge of one's own. */
export function useUnread (options: MaybeRefOrGetter<InboxHookOptions>): ComputedRef<UnreadCount> {
  return useInbox(options).unread
}

interface ElementProps extends GatepostInboxSettings {
  onGatepostMessage?: (event: CustomEvent<MessageEntry>) => void
  onGatepostVolatile?: (event: CustomEvent<VolatileMessage>) => void
  onGatepostUnread?: (event: CustomEvent<UnreadCount>) => void
  onGatepostError?: (event: CustomEvent<GatepostError>) => void
  onGatepostOpen?: (event: GatepostInboxEvents['gatepost-open']) => void
  onGatepostAction?: (event: GatepostInboxEvents['gatepost-action']) => void
  onGatepostSignIn?: (event: GatepostInboxEvents['gatepost-sign-in']) => void
}

declare module 'vue' {
  interface GlobalComponents { 'gatepost-inbox': new () => { $props: ElementProps } }
}

declare module 'vue/jsx-runtime' {
  namespace JSX {
    interface IntrinsicElements { 'gatepost-inbox': ElementProps & Record<string, unknown> }
  }
}
