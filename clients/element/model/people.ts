/** Who a message is from or for, as it is shown. What a user chose stands in a name and a picture, and never in a mark. */
import type { Message, Target } from '../../protocol.js'

/** Set by what the server says of the message, so that no name and no picture can look like one. */
export type Mark = 'announcement' | 'group' | 'producer'

export interface Party {
  /** A user, a producer or a group, as the server knows it. */
  readonly id: string
  readonly name: string
  readonly picture: string | undefined
  readonly mark: Mark | undefined
}

interface Named { readonly name?: string | null, readonly picture?: string | null }

/** Without what is not seen, or would turn what stands beside it: such a name could look like another one. */
export const visibleName = (name: string): string => name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').replace(/\s+/gu, ' ').trim()

const named = (id: string, name: string | null | undefined): string => {
  const shown = typeof name === 'string' ? visibleName(name) : ''
  return shown === '' ? visibleName(id) || id : shown
}

export function senderOf ({ from, to }: Pick<Message, 'from' | 'to'>): Party {
  const { name, picture } = from as Named
  const id = 'user' in from ? from.user : from.producer
  const mark = 'all' in to ? 'announcement' : 'group' in to ? 'group' : 'producer' in from ? 'producer' : undefined
  return { id, name: named(id, name), picture: picture ?? undefined, mark }
}

/** `everybody`: the text for all users. */
export function receiverOf ({ to }: { readonly to: Target }, everybody: string): Party {
  const id = 'user' in to ? to.user : 'users' in to ? to.users.join(', ') : 'group' in to ? to.group : 'topic' in to ? to.topic : everybody
  return { id, name: named(id, undefined), picture: undefined, mark: 'group' in to ? 'group' : 'all' in to ? 'announcement' : undefined }
}

/** The group of a message to one, for beside its sender. */
export const groupOf = ({ to }: Pick<Message, 'to'>): string | undefined => 'group' in to ? visibleName(to.group) : undefined

/** One or two letters for where there is no picture. */
export function initialsOf (name: string): string {
  const words = name.split(/[\s._@-]+/u).filter(word => /[\p{L}\p{N}]/u.test(word))
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map(word => [...(word ?? '').replace(/^[^\p{L}\p{N}]+/u, '')][0] ?? '')
  return letters.join('').toLocaleUpperCase() || '?'
}

/** One of `count` colours, the same for a name each time. */
export function colourOf (id: string, count: number): number {
  let sum = 7
  for (const char of id) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 1_000_003
  return sum % count
}

/** The user with whom one may talk about this message; undefined for what a producer sent, and for one's own mail. */
export function partnerOf (message: Message, me: string | undefined): string | undefined {
  const { from, to } = message
  if (!('user' in from)) return undefined
  if (from.user !== me) return 'user' in to || 'users' in to ? from.user : undefined
  return 'user' in to && to.user !== me ? to.user : undefined
}
