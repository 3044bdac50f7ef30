/** Keeps the panel at its anchor while the page is scrolled and the window changes. */
import { placeAt } from '../model/placement.js'

export interface Placing {
  place (): void
  /** Once, before the next frame. */
  placeSoon (): void
  /** Back to what the style sheet says. */
  clear (): void
}

const set = ['left', 'top', 'height', 'max-width'] as const

export function createPlacing (element: HTMLElement, anchor: HTMLElement, isNeeded: () => boolean): Placing {
  let isDue = false

  function clear (): void { for (const name of set) element.style.removeProperty(name) }

  function place (): void {
    isDue = false
    if (!isNeeded()) return
    clear()
    const wanted = { width: element.offsetWidth, height: element.offsetHeight }
    const isRtl = getComputedStyle(element).direction === 'rtl'
    const at = placeAt(anchor.getBoundingClientRect(), wanted, { width: document.documentElement.clientWidth, height: innerHeight }, { isRtl })
    for (const [i, value] of [at.left, at.top, at.maxHeight, at.width].entries()) element.style.setProperty(set[i] as string, `${value}px`)
  }

  return {
    place,
    clear,
    placeSoon () {
      if (isDue) return
      isDue = true
      requestAnimationFrame(place)
    }
  }
}
