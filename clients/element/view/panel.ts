/**
 * The panel's place: beside the bell, in the top layer, moved in from the window's edges; on a phone the whole screen, modal, and closed by
 * the browser's way back.
 */
import { make } from '../dom.js'
import { createPlacing } from './placing.js'

export interface Panel {
  readonly element: HTMLDialogElement
  readonly isModal: boolean
  open (): void
  close (): void
  /** A link is followed from here: true where the panel's own place in the history is to be taken by it. */
  leave (): boolean
}

const phone = '(max-width: 480px), (max-height: 420px) and (max-width: 960px)'
/** In `history.state`, beside what the site keeps there: the number of the panel whose place it is. */
const mark = 'gatepostInbox'
let panels = 0

export function createPanel (anchor: HTMLElement, children: readonly Node[], onClosed: () => void): Panel {
  const element = make('dialog', { class: 'panel', id: 'panel', part: 'panel', 'aria-labelledby': 'heading', tabindex: '-1', popover: 'manual' }, ...children)
  const number = panels += 1
  const hasPlace = (): boolean => history.state?.[mark] === number
  let isOpen = false
  let isModal = false
  let listening: AbortController | undefined

  const placing = createPlacing(element, anchor, () => isOpen && !isModal)
  const isPhone = (): boolean => matchMedia(phone).matches

  function show (): void {
    isModal = isPhone()
    element.classList.toggle('full', isModal)
    if (isModal) {
      placing.clear()
      element.showModal()
      if (!hasPlace()) history.pushState({ ...history.state, [mark]: number }, '')
    } else {
      // A dialog that is shown takes the focus by itself: whether it may is for the view to say.
      element.inert = true
      element.showPopover()
      element.inert = false
      placing.place()
    }
  }

  function hide (): void {
    if (element.matches(':popover-open')) element.hidePopover()
    if (element.open) element.close()
  }

  // A window that becomes narrow, or a phone that is turned.
  function onResize (): void {
    if (isOpen && isModal !== isPhone()) {
      const active = (element.getRootNode() as ShadowRoot).activeElement
      hide()
      show()
      if (active instanceof HTMLElement) active.focus({ preventScroll: true })
    } else placing.placeSoon()
  }

  // Escape on a modal dialog closes it by itself, which is for us to decide.
  element.addEventListener('cancel', event => { event.preventDefault() })

  return {
    element,
    get isModal () { return isModal },
    open () {
      if (isOpen) return
      isOpen = true
      show()
      listening = new AbortController()
      const { signal } = listening
      addEventListener('resize', onResize, { signal })
      addEventListener('scroll', placing.placeSoon, { capture: true, passive: true, signal })
      // The way back from a panel over this one leads here.
      addEventListener('popstate', () => { if (isModal && !hasPlace()) onClosed() }, { signal })
    },
    close () {
      if (!isOpen) return
      isOpen = false
      listening?.abort()
      hide()
      if (isModal && hasPlace()) history.back()
      isModal = false
    },
    leave: () => isModal && hasPlace()
  }
}
