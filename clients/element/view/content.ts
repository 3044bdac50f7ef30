/** A message's text: what stands in a row, and the whole of it with its links. */
import type { Message } from '../../protocol.js'
import { make } from '../dom.js'
import { linkPieces } from '../model/links.js'
import type { Texts } from '../texts.js'

/** So much of a text is looked at for a row. */
const maxPreviewed = 500

/** The first line is the title of a message that has none. */
export function headOf (message: Message, texts: Texts): { title: string, preview: string } {
  if (message.recalled) return { title: texts.recalled, preview: '' }
  const lines = (message.body ?? '').slice(0, maxPreviewed).trim().split(/\s*\n\s*/u)
  if (message.title !== null && message.title.trim() !== '') return { title: message.title, preview: lines.join(' ') }
  return { title: lines[0] === undefined || lines[0] === '' ? texts.untitled : lines[0], preview: lines.slice(1).join(' ') }
}

/** Text with its http(s) addresses as links; nothing else in it is followed, and nothing in it is markup. */
export function textOf (text: string): HTMLElement {
  const pieces = linkPieces(text, document.baseURI)
    .map(piece => piece.href === undefined ? piece.text : make('a', { href: piece.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, piece.text))
  return make('div', { class: 'text', dir: 'auto' }, ...pieces)
}
