/** Keys and clicks that concern the panel as a whole, wherever the focus is. */
import type { State } from '../model/state.js'
import type { Wanted } from './context.js'
import type { Menu } from './menu.js'
import type { Panel } from './panel.js'

export interface KeysOptions {
  readonly root: ShadowRoot
  readonly panel: Panel
  readonly menu: Menu
  readonly wanted: Wanted
  readonly state: () => State | undefined
}

/** Returns what ends it. */
export function handleKeys ({ root, panel, menu, wanted, state }: KeysOptions): () => void {
  const listening = new AbortController()
  const { signal } = listening
  const isOpen = (): boolean => state()?.isOpen === true
  const isInside = (event: Event): boolean => event.composedPath().includes(root)

  function escape (event: KeyboardEvent): void {
    if (event.key !== 'Escape' || !isOpen() || event.defaultPrevented) return
    event.preventDefault()
    event.stopPropagation()
    const now = state()
    if (menu.isOpen) menu.close()
    else if (now?.picked !== undefined) wanted.pick(undefined)
    else if (now?.selected !== undefined) wanted.back()
    else wanted.close()
  }

  // Inside before the site's own listeners hear of it; elsewhere after them.
  root.addEventListener('keydown', event => { escape(event as KeyboardEvent) }, { signal })
  document.addEventListener('keydown', event => { if (!isInside(event)) escape(event) }, { signal })
  document.addEventListener('pointerdown', event => {
    if (!isInside(event)) { if (isOpen() && !panel.isModal) wanted.close() } else if (menu.isOpen && !event.composedPath().includes(menu.element)) menu.close()
  }, { signal, capture: true })
  // The focus went on to the page: the panel would stand over it.
  document.addEventListener('focusin', event => { if (isOpen() && !panel.isModal && !isInside(event) && event.target !== root.host) wanted.close() }, { signal })
  return () => { listening.abort() }
}
