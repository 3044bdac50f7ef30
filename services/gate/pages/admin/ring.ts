/** The ring as a picture: who owns which part of it, and each node's share. */
import type { RingPicture } from '../../routes/overview.js'
import { el, svg } from './dom.js'
import { share } from './format.js'
import { arcsOf, piecePath } from './scale.js'

/** Nodes beyond these are drawn alike. */
export const colours = 8
const listed = 10
/** Outside the shares as they add up, inside who owns which place. */
const [outer, parting, inner] = [97, 74, 58]

export interface Ring {
  readonly element: HTMLElement
  show: (ring: RingPicture) => void
}

export function createRing (colourOf: (node: string) => number): Ring {
  const picture = svg('svg', { role: 'img', 'aria-label': 'The ring: not known yet', viewBox: '-100 -100 200 200', class: 'ring' })
  const list = el('ul', { class: 'shares' })
  const element = el('section', { class: 'card ring-card' }, el('h2', {}, 'The ring'), el('div', { class: 'ring-body' }, picture, list))
  let shown = ''

  return {
    element,
    show ({ nodes, places }) {
      const text = JSON.stringify(nodes)
      if (text === shown) return
      shown = text
      picture.setAttribute('aria-label', nodes.length === 0 ? 'Nobody is on the ring' : `The ring: ${nodes.map(({ id, share: part }) => `${id} ${share(part)}`).join(', ')}`)
      picture.replaceChildren(
        ...nodes.length === 0
          ? [svg('circle', { r: (inner + outer) / 2, class: 'empty-ring' })]
          : [
              ...sharesOf(nodes).map(({ id, ...arc }) => svg('path', { d: piecePath(arc, parting, outer), class: `piece share c${colourOf(id)}` })),
              ...arcsOf(places).map(arc => svg('path', { d: piecePath(arc, inner, parting - 4), class: `piece c${colourOf(nodes[arc.owner]?.id ?? '')}` }))
            ],
        svg('text', { y: -2, class: 'ring-number' }, String(nodes.length)),
        svg('text', { y: 18, class: 'ring-word' }, nodes.length === 1 ? 'node up' : 'nodes up'))
      const ordered = [...nodes].sort((one, other) => other.share - one.share)
      list.replaceChildren(
        ...ordered.slice(0, listed).map(({ id, share: part }) => el('li', {}, el('span', { class: `swatch c${colourOf(id)}` }), el('span', { class: 'name' }, id), el('b', {}, share(part)))),
        ...ordered.length > listed ? [el('li', { class: 'quiet' }, `and ${ordered.length - listed} more`)] : [])
    }
  }
}

/** Beginning at the top, one behind the other. */
function sharesOf (nodes: RingPicture['nodes']): Array<{ id: string, from: number, to: number }> {
  let from = 0
  return nodes.map(({ id, share: part }) => {
    const arc = { id, from, to: from + part }
    from = arc.to
    return arc
  })
}
