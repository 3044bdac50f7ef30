/** A menu in the top layer, over the panel: opened at a button or where the pointer is, closed by a choice, by Escape or a click elsewhere. */
import { icon, make, type IconName } from '../dom.js'
import { placeAt } from '../model/placement.js'

export interface MenuItem {
  readonly label: string
  readonly icon: IconName
  readonly act: () => void
  /** A switch that is on or off. */
  readonly isOn?: boolean
  readonly isDanger?: boolean
  readonly isDisabled?: boolean
}

export interface Menu {
  readonly element: HTMLElement
  readonly isOpen: boolean
  open (items: readonly MenuItem[], at: HTMLElement, point?: { x: number, y: number }): void
  close (): void
}

export function createMenu (): Menu {
  const element = make('div', { class: 'menu', role: 'menu', part: 'menu', popover: 'manual' })
  let opener: HTMLElement | undefined

  function close (): void {
    if (opener === undefined) return
    const had = element.contains((element.getRootNode() as ShadowRoot).activeElement)
    opener.setAttribute('aria-expanded', 'false')
    const back = opener
    opener = undefined
    element.hidePopover()
    if (had && back.isConnected) back.focus({ preventScroll: true })
  }

  const itemsIn = (): HTMLButtonElement[] => [...element.querySelectorAll<HTMLButtonElement>('button:not(:disabled)')]

  element.addEventListener('keydown', event => {
    const items = itemsIn()
    const at = items.indexOf(event.target as HTMLButtonElement)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key]
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault()
      event.stopPropagation()
      close()
    } else if (to !== undefined) {
      event.preventDefault()
      event.stopPropagation()
      items[(to + items.length) % items.length]?.focus()
    }
  })

  return {
    element,
    get isOpen () { return opener !== undefined },
    close,
    open (items, at, point) {
      const isAgain = opener === at && point === undefined
      close()
      if (isAgain) return
      element.replaceChildren(...items.map(item => {
        const role = item.isOn === undefined ? 'menuitem' : 'menuitemcheckbox'
        const entry = make('button', { type: 'button', role, tabindex: '-1', class: item.isDanger === true ? 'danger' : '' }, icon(item.icon), make('span', {}, item.label))
        if (item.isOn !== undefined) {
          entry.setAttribute('aria-checked', String(item.isOn))
          entry.append(icon('check'))
        }
        entry.disabled = item.isDisabled === true
        entry.addEventListener('click', () => { close(); item.act() })
        return entry
      }))
      opener = at
      at.setAttribute('aria-expanded', 'true')
      element.showPopover()
      const box = point === undefined ? at.getBoundingClientRect() : { left: point.x, top: point.y, width: 0, height: 0 }
      const isRtl = getComputedStyle(element).direction === 'rtl'
      const place = placeAt(box, { width: element.offsetWidth, height: element.offsetHeight }, { width: innerWidth, height: innerHeight }, { isRtl: point === undefined ? isRtl : !isRtl })
      element.style.setProperty('left', `${place.left}px`)
      element.style.setProperty('top', `${place.top}px`)
      itemsIn()[0]?.focus({ preventScroll: true })
    }
  }
}
