/** Messages and changes as a node hands them out, for tests of what reads them. */
import type { ChangeEntry, Message, MessageEntry } from '../../clients/protocol.js'

export const message = (seq: number, more: Partial<Message> = {}): MessageEntry => ({
  type: 'message', id: `m${seq}`, stream: 'u:ann', seq, prev: seq - 1, from: { user: 'bob', name: null, picture: null }, to: { user: 'ann' }, title: `t${seq}`, body: 'b', data: null,
  url: null, actions: null, acted: null, category: 'general', createdAt: '2026-01-01T00:00:00.000Z', expiresAt: null, boxes: ['inbox'], read: false, archived: false, recalled: false, ...more
})

export const change = (more: Partial<ChangeEntry>): ChangeEntry => ({ type: 'change', stream: 'u:ann', seq: 99, prev: 98, ...more })

export const ids = (messages: readonly Message[]): string[] => messages.map(({ id }) => id)
