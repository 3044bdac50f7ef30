/**
 * `<gatepost-inbox gate="https://site.example" token="...">`: a bell with the number of unread messages, and the
 * inbox behind it. Importing this module defines the element.
 */
import { createSwitch, createTitleCount } from './element/alerts.js'
import { createArrivals } from './element/arrivals.js'
import { createClock } from './element/clock.js'
import { createController, type Controller } from './element/controller.js'
import { createFrame } from './element/frame.js'
import { timesIn } from './element/model/times.js'
import { readCategories, type GatepostInboxEvents } from './element/public.js'
import { createStore } from './element/store.js'
import { bellSheet } from './element/style/sheet.js'
import type { Texts } from './element/texts.js'
import { createBell, type BellView } from './element/view/bell.js'
import type { Category, Context, RenderMessage } from './element/view/context.js'
import type { View } from './element/view/inbox-view.js'
import { createWanted } from './element/wanted.js'
import { createWords } from './element/words.js'
import { GatepostError } from './errors.js'
import type { Inbox } from './inbox.js'
import { holdSession } from './session.js'
import type { TokenSource } from './tokens.js'

export type { GatepostInboxEvents, GatepostInboxSettings } from './element/public.js'
export type { Texts } from './element/texts.js'
export type { Category, RenderMessage } from './element/view/context.js'

// Where there is no DOM (rendering on a server) the module can be imported all the same.
const Base: typeof HTMLElement = globalThis.HTMLElement ?? class {} as typeof HTMLElement

const properties = ['gate', 'token', 'texts', 'open', 'categories', 'renderMessage'] as const

export class GatepostInbox extends Base {
  static readonly observedAttributes = ['gate', 'token', 'lang', 'categories', 'title-count']

  #token: TokenSource | undefined
  #categories: readonly Category[] = []
  #renderMessage: RenderMessage | undefined
  #isUpdateDue = false
  #bell: BellView | undefined
  #context: Context | undefined
  #view: View | undefined
  #isViewAwaited = false
  #titleCount: ReturnType<typeof createTitleCount> | undefined

  readonly #words = createWords(() => { this.#rebuild() })
  readonly #switches = { notify: createSwitch('notify'), sound: createSwitch('sound') }
  readonly #frame = createFrame(() => { this.#render() })
  readonly #store = createStore(() => { this.#frame.request() })
  readonly #clock = createClock(this.#store)
  readonly #arrivals = createArrivals({
    texts: () => this.#words.texts,
    announce: text => { if (this.#bell !== undefined) this.#bell.spoken.textContent = text },
    isOn: kind => this.hasAttribute(kind) && this.#switches[kind].isOn,
    onClick: message => { this.open = true; this.#controller?.select(message) }
  })

  readonly #session = holdSession<Controller>(session => createController({
    ...session,
    store: this.#store,
    requestFrame: () => { this.#frame.request() },
    onMessage: message => {
      this.#arrivals.add(message)
      this.#tell('gatepost-message', message)
    },
    onVolatile: message => { this.#tell('gatepost-volatile', message) },
    onUnread: count => {
      this.#countInTitle()
      this.#tell('gatepost-unread', count)
    },
    onError: error => { this.#fail(error) }
  }), error => { this.#fail(error) })

  constructor () {
    super()
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [bellSheet()]
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

  /** Any of them; the rest is in the language of the element or the page, where that is shipped, or in English. */
  get texts (): Partial<Texts> { return this.#words.texts }
  set texts (texts: Partial<Texts>) { this.#words.give(texts) }

  get categories (): readonly Category[] { return this.#categories }
  set categories (categories: readonly Category[] | string) {
    const next = typeof categories === 'string' ? readCategories(categories) : categories
    if (JSON.stringify(next) === JSON.stringify(this.#categories)) return
    this.#categories = next
    this.#rebuild()
  }

  /** Draws a message's text in its row; what it gives is put in as it is. */
  get renderMessage (): RenderMessage | undefined { return this.#renderMessage }
  set renderMessage (render: RenderMessage | undefined) {
    const isOther = (render === undefined) !== (this.#renderMessage === undefined)
    // Each rendering of a framework makes another function that draws the same: it draws what is drawn from now on.
    this.#renderMessage = render
    if (isOther) this.#rebuild()
  }

  /** The inbox behind the component, for what it has no button for. */
  get inbox (): Inbox | undefined { return this.#controller?.inbox }

  get open (): boolean { return this.#store.state.isOpen }
  set open (isOpen: boolean) {
    if (isOpen === this.open) return
    const controller = this.#controller
    if (controller === undefined) this.#store.dispatch({ type: isOpen ? 'open' : 'close' })
    else if (isOpen) controller.open()
    else controller.shut()
  }

  get #controller (): Controller | undefined { return this.#session.held }

  connectedCallback (): void {
    // Set before the element was defined, such a property hides the one of the class.
    for (const name of properties) {
      if (!Object.hasOwn(this, name)) continue
      const value: unknown = this[name]
      Reflect.deleteProperty(this, name)
      Reflect.set(this, name, value)
    }
    if (this.#bell === undefined) this.#readLanguage()
    this.#frame.request()
    this.#update()
  }

  disconnectedCallback (): void {
    this.#view?.suspend()
    this.#update()
  }

  attributeChangedCallback (name: string, before: string | null, value: string | null): void {
    if (before === value) return
    if (name === 'token') this.#token = value ?? undefined
    if (name === 'lang') this.#readLanguage()
    if (name === 'categories') this.categories = value ?? ''
    if (name === 'title-count') this.#countInTitle()
    if (name === 'gate' || name === 'token') this.#update()
  }

  #setAttribute (name: string, value: string | null | undefined): void {
    if (value === null || value === undefined) this.removeAttribute(name)
    else this.setAttribute(name, value)
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
    if (!this.#session.set(wanted)) return
    // Nothing of another user stays.
    this.#store.dispatch({ type: 'signed-out' })
    if (!this.isConnected) this.#store.dispatch({ type: 'close' })
    if (this.#controller !== undefined) this.#store.dispatch({ type: 'connection', state: this.#controller.inbox.state })
    if (this.open) this.#controller?.open()
    this.#countInTitle()
  }

  #signIn (): void {
    if (!this.#tell('gatepost-sign-in', null, true)) return
    if (typeof this.#token !== 'function') return location.reload()
    this.#session.set(undefined)
    this.#apply()
  }

  #fail (error: unknown): void {
    this.#tell('gatepost-error', error)
    if (error instanceof GatepostError && error.code.startsWith('GP_TOKEN_')) console.warn(`<gatepost-inbox>: ${error.code}: ${error.message}`)
  }

  /** False where a listener has prevented what follows. */
  #tell (name: keyof GatepostInboxEvents, detail: unknown, cancelable = false): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }))
  }

  #countInTitle (): void {
    if (!this.hasAttribute('title-count') && this.#titleCount === undefined) return
    this.#titleCount ??= createTitleCount()
    this.#titleCount.set(this.hasAttribute('title-count') ? this.#store.state.unread.unread : 0)
  }

  #readLanguage (): void { this.#words.setLanguage(this.lang || document.documentElement.lang) }

  #rebuild (): void {
    const root = this.shadowRoot
    if (root === null || (this.#bell === undefined && !this.isConnected)) return
    this.#view?.close()
    this.#view = undefined
    this.#context = this.#makeContext()
    this.#bell = createBell(this.#context)
    root.replaceChildren(this.#bell.element, this.#bell.spoken)
    const load = (): void => { void this.#loadView() }
    for (const name of ['pointerenter', 'focus'] as const) this.#bell.element.addEventListener(name, load, { once: true })
    this.#frame.request()
  }

  #makeContext (): Context {
    const isOffered = (kind: 'notify' | 'sound'): boolean | undefined => this.hasAttribute(kind) ? this.#switches[kind].isOn : undefined
    return {
      texts: this.#words.texts,
      times: timesIn(this.#words.locale),
      settings: {
        categories: this.#categories,
        renderMessage: message => this.#renderMessage?.(message),
        get notify () { return isOffered('notify') },
        get sound () { return isOffered('sound') }
      },
      wanted: createWanted({
        store: this.#store,
        switches: this.#switches,
        controller: () => this.#controller,
        setOpen: isOpen => { this.open = isOpen; if (isOpen) this.#warn() },
        signIn: () => { this.#signIn() },
        ask: (name, detail) => this.#tell(name, detail, true),
        leave: () => this.#view?.leave() === true
      })
    }
  }

  /** What is behind the bell: fetched when a pointer comes near, or when it is opened. */
  async #loadView (): Promise<void> {
    if (this.#isViewAwaited) return
    this.#isViewAwaited = true
    try {
      const { createView } = await import('./element/view/inbox-view.js')
      const root = this.shadowRoot
      // Texts, and with them the bell, may have changed meanwhile.
      if (root !== null && this.#view === undefined && this.#bell !== undefined && this.#context !== undefined) this.#view = createView(root, this.#bell, this.#context)
      this.#frame.request()
    } catch (error) {
      this.open = false
      console.warn('<gatepost-inbox>: the panel could not be loaded', error)
    }
    this.#isViewAwaited = false
  }

  /** Whoever builds the page is told why the bell has nothing to show. */
  #warn (): void {
    if (this.gate === null) console.warn('<gatepost-inbox>: gate: got nothing; takes an http or https address')
    else if (this.#token === undefined || this.#token === '') console.warn('<gatepost-inbox>: token: got nothing; takes a text or a function')
  }

  /** All that has come since the last frame, at once. */
  #render (): void {
    this.#controller?.flush()
    this.#clock.wind()
    this.#frame.cancel()
    if (!this.isConnected) return
    this.#bell?.render(this.#store.state)
    if (this.#view !== undefined) this.#view.render(this.#store.state)
    else if (this.open) void this.#loadView()
  }
}

if (globalThis.customElements !== undefined && customElements.get('gatepost-inbox') === undefined) {
  customElements.define('gatepost-inbox', GatepostInbox)
}

declare global {
  interface HTMLElementTagNameMap { 'gatepost-inbox': GatepostInbox }
  /** They bubble, so that the document hears them too. */
  interface GlobalEventHandlersEventMap extends GatepostInboxEvents {}
}
