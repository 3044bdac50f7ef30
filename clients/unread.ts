/** The unread count as the node said it last, and the read marks of single messages: over the socket, or by REST where that fails. */
import { asGatepostError, GatepostError } from './errors.js'
import type { Link } from './link.js'
import type { Mailbox } from './mailbox.js'
import type { UnreadCount } from './protocol.js'

export interface Unread {
  readonly count: UnreadCount
  set (count: UnreadCount): void
  markRead (ids: readonly string[]): Promise<UnreadCount>
}

export interface UnreadOptions {
  link: () => Link | undefined
  mailbox: Pick<Mailbox, 'update' | 'countUnread'>
  onChange: (count: UnreadCount) => void
}

const idsPerRequest = 100

export function createUnread ({ link, mailbox, onChange }: UnreadOptions): Unread {
  let count: UnreadCount = { unread: 0, byCategory: {} }

  function set ({ unread, byCategory }: UnreadCount): void {
    count = { unread, byCategory }
    onChange(count)
  }

  /** An answer by REST, or of a link before this one, may be older than what the link of now has said. */
  function setFrom (asked: Link | undefined, answer: UnreadCount): void { if (link() === asked) set(answer) }

  return {
    get count () { return count },
    set,
    async markRead (ids) {
      let answer = count
      for (let at = 0; at < ids.length; at += idsPerRequest) {
        const some = ids.slice(at, at + idsPerRequest)
        const to = link()
        try {
          if (to === undefined) throw new GatepostError('GP_UNREACHABLE', 'not connected')
          answer = await to.request<UnreadCount>('read', { ids: some })
          setFrom(to, answer)
        } catch (error) {
          if (asGatepostError(error).retry === 'never') throw error
          for (const id of some) await mailbox.update(id, { read: true })
          answer = await mailbox.countUnread()
          setFrom(undefined, answer)
        }
      }
      return answer
    }
  }
}
