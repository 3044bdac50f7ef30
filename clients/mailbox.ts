/** The user's REST calls, sent to whichever node Gate names; all of them may be repeated without harm. */
import type { Assignments, Given } from './assignments.js'
import { createBackoff } from './backoff.js'
import { asGatepostError, closedError, type GatepostError } from './errors.js'
import { callHttp, type HttpCall } from './http.js'
import { pause } from './pause.js'
import type { Cursors, ListQuery, Message, Page, UnreadCount } from './protocol.js'

export interface Mailbox {
  list (query?: ListQuery): Promise<Page>
  get (id: string): Promise<Message>
  countUnread (): Promise<UnreadCount>
  update (id: string, state: { read?: boolean, archived?: boolean }): Promise<Message>
  markRead (what: { upTo?: Cursors, category?: string }): Promise<UnreadCount>
  act (id: string, action: string): Promise<Message>
  remove (id: string): Promise<void>
  recall (id: string): Promise<void>
}

export interface MailboxOptions {
  assignments: Assignments
  signal: AbortSignal
  /** How long a call is tried, in ms. */
  patienceMs: number
  retryBaseMs: number
}

type Call = Pick<HttpCall, 'method' | 'body'>

export function createMailbox ({ assignments, signal, patienceMs, retryBaseMs }: MailboxOptions): Mailbox {
  async function call<T> (path: string, request: Call = {}): Promise<T> {
    const backoff = createBackoff({ baseMs: retryBaseMs })
    const deadlineMs = Date.now() + patienceMs
    let given: Given | undefined
    let isUncertain = false
    for (;;) {
      if (signal.aborted) throw closedError('inbox')
      let error: GatepostError
      try {
        given = given === undefined ? await assignments.current() : await assignments.fresh()
        const { body } = await callHttp({ ...request, url: `${given.node.url}${path}`, bearer: given.ticket, signal, timeoutMs: leftMs(deadlineMs) })
        return body as T
      } catch (caught) { error = asGatepostError(caught) }
      if (signal.aborted) throw closedError('inbox')
      // An earlier try may have done it, though its answer was lost.
      if (isUncertain && request.method === 'DELETE' && error.code === 'GP_NOT_FOUND') return undefined as T
      if (error.retry === 'never') throw error
      if (error.code === 'GP_UNREACHABLE' || error.code === 'GP_OUTCOME_UNKNOWN') isUncertain = true
      if (error.code === 'GP_UNREACHABLE' && given !== undefined) assignments.avoid(given.node.id)
      // A ticket that has run out is the normal case after 15 minutes: the next one is there at once.
      const waitMs = error.code.startsWith('GP_TICKET_') ? 0 : backoff.next(error.retryAfterMs)
      if (Date.now() + waitMs >= deadlineMs) throw error
      await pause(waitMs, signal)
    }
  }

  const json = (method: 'POST' | 'PATCH', body: unknown): Call => ({ method, body: JSON.stringify(body) })
  const messagePath = (id: string): string => `/messages/${encodeURIComponent(id)}`

  return {
    async list (query = {}) {
      const pairs = Object.entries(query).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)])
      return await call<Page>(`/messages${pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`}`)
    },
    get: async id => await call<Message>(messagePath(id)),
    countUnread: async () => await call<UnreadCount>('/messages/unread'),
    update: async (id, state) => await call<Message>(messagePath(id), json('PATCH', state)),
    markRead: async what => await call<UnreadCount>('/messages/read', json('POST', what)),
    act: async (id, action) => await call<Message>(`${messagePath(id)}/actions/${encodeURIComponent(action)}`, json('POST', {})),
    remove: async id => { await call(messagePath(id), { method: 'DELETE' }) },
    recall: async id => { await call(`${messagePath(id)}/recall`, { method: 'POST' }) }
  }
}

const leftMs = (deadlineMs: number): number => Math.max(1, Math.min(10_000, deadlineMs - Date.now()))
