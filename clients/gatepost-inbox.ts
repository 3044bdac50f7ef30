/**
 * `<gatepost-inbox gate="https://site.example" token="...">`: a bell with the number of unread messages, and the
 * inbox behind it. Importing this module defines the element.
 */
import { createController, type Controller } from './element/controller.js'
import { styleSheet } from './element/style.js'
import { defaultTexts, type Texts } from './element/texts.js'
import { createView, senderName, type Model, type View } from './element/view.js'
import type { GatepostError } from './errors.js'
import type { Inbox } from './inbox.js'
import type { MessageEntry, UnreadCount } from './protocol.js'
import { holdSession } from './session.js'
import type { TokenSource } from './tokens.js'

export interface GatepostInboxEvents {
  /** A message has arrived in the inbox, live. */
  'gatepost-message': CustomEvent<MessageEntry>
  'gatepost-unread': CustomEvent<UnreadCount>
  'gatepost-error': CustomEvent<GatepostError>
}

/** What may be set on the element; attributes `gate`, `token`, `lang` and `theme` say the same. */
export interface GatepostInboxSettings {
  gate?: string | undefined
  token?: TokenSource | null | undefined
  texts?: Partial<Texts> | undefined
  open?: boolean | undefined
  theme?: 'light' | 'dark' | undefined
}

const idle: Model = {
  isOpen: false, state: 'idle', unread: 0, box: 'inbox', messages: [], hasOlder: false, isLoading: false, selected: undefined, fault: undefined
}

// Where there is no DOM (rendering on a server) the module can be imported all the same.
const Base: typeof HTMLElement = globalThis.HTMLElement ?? class {} as typeof HTMLElement

export class GatepostInbox extends Base {
  static readonly observedAttributes = ['gate', 'token', 'lang']

  #texts: Texts = defaultTexts
  #token: TokenSource | undefined
  /** What was asked for; a controller that is not there yet begins with it. */
  #isOpen = false
  readonly #session = holdSession<Controller>(session => createController({
    ...session,
    isOpen: false,
    failedText: this.#texts.failed,
    onChange: () => { this.#render() },
    onMessage: message => {
      this.#view?.announce(this.#texts.arrived(senderName(message), message.title ?? this.#texts.untitled))
      this.#tell('gatepost-message', message)
    },
    onUnread: count => { this.#tell('gatepost-unread', count) },
    onError: error => { this.#tell('gatepost-error', error) }
  }), error => { this.#tell('gatepost-error', error) })

  #view: View | undefined
  #isUpdateDue = false
  #isRenderDue = false

  constructor () {
    super()
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [styleSheet()]
  }

  get gate (): string | null { return this.getAttribute('gate') }
  set gate (gate: string | null) { this.#setAttribute('gate', gate) }

  /** A text or a function that gives one; a function is asked again before the token expires. */
  get token (): TokenSource | null { return this.#token ?? null }
  set token (token: TokenSource | null) {
    this.#setAttribute('token', typeof token === 'string' ? token : null)
    this.#token = token ?? undefined
    this.#update()
  }

  /** Any of them; the rest stays as it is. */
  get texts (): Partial<Texts> { return this.#texts }
  set texts (texts: Partial<Texts>) {
    const next: Texts = { ...defaultTexts, ...texts }
    // A template hands over an equal object at each rendering: what is read, and where, stays as it is.
    if ((Object.keys(next) as Array<keyof Texts>).every(key => next[key] === this.#texts[key])) return
    this.#texts = next
    this.#rebuild()
  }

  /** The inbox behind the component, for what it has no button for. */
  get inbox (): Inbox | undefined { return this.#controller?.inbox }

  /** Whether the panel is shown, or will be as soon as there is a gate and a token. */
  get open (): boolean { return this.#controller?.model.isOpen ?? this.#isOpen }
  set open (isOpen: boolean) {
    this.#isOpen = isOpen
    this.#controller?.setOpen(isOpen)
  }

  get #controller (): Controller | undefined { return this.#session.held }

  connectedCallback (): void {
    // Set before the element was defined, such a property hides the one of the class.
    for (const name of ['gate', 'token', 'texts', 'open'] as const) {
      if (!Object.hasOwn(this, name)) continue
      const value: unknown = this[name]
      Reflect.deleteProperty(this, name)
      Reflect.set(this, name, value)
    }
    document.addEventListener('pointerdown', this.#onPointerDown)
    if (this.#view === undefined) this.#rebuild()
    this.#update()
  }

  disconnectedCallback (): void {
    document.removeEventListener('pointerdown', this.#onPointerDown)
    this.#update()
  }

  attributeChangedCallback (name: string, before: string | null, value: string | null): void {
    if (before === value) return
    if (name === 'token') this.#token = value ?? undefined
    if (name === 'lang') this.#rebuild()
    this.#update()
  }

  #setAttribute (name: string, value: string | null | undefined): void {
    if (value === null || value === undefined) this.removeAttribute(name)
    else this.setAttribute(name, value)
  }

  readonly #onPointerDown = (event: Event): void => {
    if (!event.composedPath().includes(this)) this.open = false
  }

  /** Attributes that are set together, and an element that is moved in the page, come down to one change. */
  #update (): void {
    if (this.#isUpdateDue) return
    this.#isUpdateDue = true
    queueMicrotask(() => {
      this.#isUpdateDue = false
      this.#apply()
    })
  }

  #apply (): void {
    const { gate } = this
    const token = this.#token
    const wanted = this.isConnected && gate !== null && token !== undefined && token !== '' ? { gate, token } : undefined
    const isOpen = this.open
    if (!this.#session.set(wanted)) return
    this.#isOpen = wanted !== undefined && isOpen
    if (isOpen) this.#controller?.setOpen(true)
    this.#render()
  }

  #tell (name: keyof GatepostInboxEvents, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }))
  }

  #rebuild (): void {
    const root = this.shadowRoot
    if (root === null || (this.#view === undefined && !this.isConnected)) return
    const act = (work: (controller: Controller) => void) => (): void => { if (this.#controller !== undefined) work(this.#controller) }
    const actOn = <T>(work: (controller: Controller, value: T) => void) => (value: T): void => { if (this.#controller !== undefined) work(this.#controller, value) }
    this.#view = createView({
      root,
      texts: this.#texts,
      locale: localeOf(this.lang || document.documentElement.lang),
      wishes: {
        toggle: act(controller => controller.setOpen(!controller.model.isOpen)),
        close: act(controller => controller.setOpen(false)),
        show: actOn((controller, box) => controller.show(box)),
        select: actOn((controller, message) => controller.select(message)),
        back: act(controller => controller.back()),
        older: act(controller => controller.older()),
        retry: act(controller => controller.reload()),
        archive: actOn((controller, message) => controller.archive(message)),
        remove: actOn((controller, message) => controller.remove(message)),
        markUnread: actOn((controller, message) => controller.markUnread(message)),
        markAllRead: act(controller => controller.markAllRead())
      }
    })
    this.#view.render(this.#controller?.model ?? idle)
  }

  /** A burst of entries is one rendering. */
  #render (): void {
    if (this.#isRenderDue) return
    this.#isRenderDue = true
    queueMicrotask(() => {
      this.#isRenderDue = false
      this.#view?.render(this.#controller?.model ?? idle)
    })
  }
}

function localeOf (lang: string): string | undefined {
  try { return Intl.getCanonicalLocales(lang)[0] } catch {
    // Not a language tag: the browser's own language.
    return undefined
  }
}

if (globalThis.customElements !== undefined && customElements.get('gatepost-inbox') === undefined) {
  customElements.define('gatepost-inbox', GatepostInbox)
}

declare global {
  interface HTMLElementTagNameMap { 'gatepost-inbox': GatepostInbox }
  interface HTMLElementEventMap extends GatepostInboxEvents {}
}
