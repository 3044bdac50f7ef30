/** Where a panel stands: at its anchor where there is room, never out of the window. All in px, in the window's own directions. */

export interface Box { readonly left: number, readonly top: number, readonly width: number, readonly height: number }
export interface Size { readonly width: number, readonly height: number }

export interface Placement {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly maxHeight: number
}

const gap = 6
const margin = 8

/** Under the anchor, with the edges flush at the side where the text ends; above where there is more room, and moved in from the edges. */
export function placeAt (anchor: Box, wanted: Size, window: Size, { isRtl = false } = {}): Placement {
  const width = Math.min(wanted.width, window.width - 2 * margin)
  const below = window.height - (anchor.top + anchor.height) - gap - margin
  const above = anchor.top - gap - margin
  const isBelow = below >= wanted.height || below >= above
  const room = Math.max(isBelow ? below : above, Math.min(wanted.height, 160))
  const maxHeight = Math.min(wanted.height, room, window.height - 2 * margin)
  const flush = isRtl ? anchor.left : anchor.left + anchor.width - width
  const top = isBelow ? anchor.top + anchor.height + gap : anchor.top - gap - maxHeight
  return {
    left: clamp(flush, margin, window.width - margin - width),
    top: clamp(top, margin, window.height - margin - maxHeight),
    width,
    maxHeight
  }
}

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value))
