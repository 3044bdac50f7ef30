/** Messages that arrive together are told together: spoken once, shown by the system at most three times, one sound. */
import type { MessageEntry } from '../protocol.js'
import { chime, notify } from './alerts.js'
import { senderOf } from './model/people.js'
import type { Texts } from './texts.js'
import { headOf } from './view/content.js'

export interface ArrivalOptions {
  texts (): Texts
  announce (text: string): void
  /** What the site offers and the user has switched on. */
  isOn (kind: 'notify' | 'sound'): boolean
  onClick (message: MessageEntry): void
}

const gatherMs = 200
const maxNotified = 3

export function createArrivals ({ texts, announce, isOn, onClick }: ArrivalOptions): { add (message: MessageEntry): void } {
  let first: MessageEntry[] = []
  let count = 0

  function tell (): void {
    const messages = first
    const all = count
    const words = texts()
    first = []
    count = 0
    const one = messages[0]
    if (one === undefined) return
    announce(all === 1 ? words.arrived(senderOf(one).name, headOf(one, words).title) : words.arrivedMany(all))
    if (isOn('sound')) chime(one.id)
    if (!isOn('notify')) return
    if (all > maxNotified) return notify({ title: words.arrivedMany(all), body: '', message: one }, () => { onClick(one) })
    for (const message of messages) {
      const { title, preview } = headOf(message, words)
      notify({ title: senderOf(message).name, body: preview === '' ? title : `${title}\n${preview}`, message }, () => { onClick(message) })
    }
  }

  return {
    add (message) {
      count += 1
      if (first.length < maxNotified) first.push(message)
      if (count === 1) setTimeout(tell, gatherMs)
    }
  }
}
