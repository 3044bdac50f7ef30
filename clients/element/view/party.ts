/** A sender as it is shown: picture or letters, name, and the mark that says what kind of sender it is. */
import { icon, make } from '../dom.js'
import { safeUrl } from '../model/links.js'
import { colourOf, initialsOf, type Mark, type Party } from '../model/people.js'
import type { Texts } from '../texts.js'

const colours = 8

/** People are round; what speaks for the site is square, whatever picture it has. */
export function avatar (party: Party): HTMLElement {
  const shape = party.mark === 'announcement' || party.mark === 'producer' ? 'square' : 'round'
  const letters = make('span', {}, initialsOf(party.name))
  const element = make('span', { class: `avatar ${shape}`, 'aria-hidden': 'true' }, letters)
  element.style.setProperty('--hue', String(colourOf(party.id, colours) * 360 / colours))
  const src = safeUrl(party.picture, document.baseURI)
  if (src !== undefined) {
    const picture = make('img', { alt: '', loading: 'lazy', decoding: 'async', referrerpolicy: 'no-referrer' })
    picture.addEventListener('error', () => { picture.remove() })
    picture.src = src
    element.append(picture)
  }
  return element
}

/** `detail`: a group's name. The kind is drawn and spoken by the component; what a user chose never stands in it alone. */
export function mark (kind: Mark, texts: Texts, detail?: string): HTMLElement {
  const label = texts.marks[kind]
  const element = make('span', { class: `mark ${kind}`, part: 'mark', title: detail === undefined ? label : `${label}: ${detail}` })
  if (kind === 'producer') element.append(make('span', { class: 'spoken' }, label), icon(kind))
  else if (detail === undefined) element.append(icon(kind), make('bdi', {}, label))
  else element.append(make('span', { class: 'spoken' }, label), icon(kind), make('bdi', {}, detail))
  return element
}
