/** A finger that pulls a row to the side. Vertical movement stays the list's. */

export interface SwipeOptions {
  canSwipe (): boolean
  /** Pulled to where lines begin, and to where they end. */
  onEnd (): void
  onStart (): void
}

const beginPx = 12
/** So much of the row's width is a decision. */
const share = 0.3

export function swipeable (item: HTMLElement, { canSwipe, onEnd, onStart }: SwipeOptions): void {
  let from: { x: number, y: number, id: number } | undefined
  let moved = 0

  function move (px: number): void {
    moved = px
    item.style.setProperty('--swipe', `${px}px`)
    item.classList.toggle('swiped', px !== 0)
    item.classList.toggle('decided', Math.abs(px) > item.clientWidth * share)
  }

  item.addEventListener('pointerdown', event => {
    if (event.pointerType !== 'touch' || !canSwipe()) return
    from = { x: event.clientX, y: event.clientY, id: event.pointerId }
  })
  item.addEventListener('pointermove', event => {
    if (from?.id !== event.pointerId) return
    const x = event.clientX - from.x
    if (moved === 0 && Math.abs(event.clientY - from.y) > beginPx) { from = undefined; return }
    if (moved === 0 && Math.abs(x) < beginPx) return
    if (moved === 0) item.setPointerCapture(event.pointerId)
    move(x)
  })
  const end = (isDone: boolean) => (event: PointerEvent): void => {
    if (from?.id !== event.pointerId) return
    from = undefined
    const isDecided = isDone && Math.abs(moved) > item.clientWidth * share
    const isRtl = getComputedStyle(item).direction === 'rtl'
    const isTowardsEnd = isRtl ? moved < 0 : moved > 0
    const wasMoved = moved !== 0
    move(0)
    if (isDecided) (isTowardsEnd ? onStart : onEnd)()
    // The finger's lift is no click on the row.
    if (wasMoved) item.addEventListener('click', swallow, { capture: true, once: true })
    if (wasMoved) setTimeout(() => { item.removeEventListener('click', swallow, { capture: true }) }, 0)
  }
  item.addEventListener('pointerup', end(true))
  item.addEventListener('pointercancel', end(false))
}

function swallow (event: Event): void {
  event.stopPropagation()
  event.preventDefault()
}
