/**
 * What a process of a machine and the one that has the bus (machine-hub.ts) tell each other, and how it lies in a message.
 * Numbers are the asking process's own, and never end: a double has room for all of them.
 */
import type { ErrorCode } from '../../../shared/contract/errors.js'
import type { MessageReader, MessageWriter } from '../../../shared/platform/message-bytes.js'

export type ToHub =
  | { readonly do: 'open', readonly bus: number, readonly name: string }
  | { readonly do: 'publish', readonly bus: number, readonly subject: string, readonly payload: Uint8Array }
  | { readonly do: 'subscribe', readonly bus: number, readonly subscription: number, readonly subject: string }
  | { readonly do: 'unsubscribe', readonly subscription: number }
  | { readonly do: 'request', readonly bus: number, readonly question: number, readonly subject: string, readonly payload: Uint8Array, readonly timeoutMs: number }
  /** To what `got` asked. */
  | { readonly do: 'reply', readonly to: number, readonly payload: Uint8Array }
  | { readonly do: 'round-trip', readonly bus: number, readonly question: number }
  | { readonly do: 'close', readonly bus: number, readonly question: number }

export type FromHub =
  | { readonly is: 'got', readonly subscription: number, readonly subject: string, readonly payload: Uint8Array, readonly replyTo: number | undefined }
  /** Of a request; without a payload, of what answers with nothing. */
  | { readonly is: 'answer', readonly question: number, readonly payload?: Uint8Array }
  | { readonly is: 'status', readonly bus: number, readonly isConnected: boolean }
  | { readonly is: 'refused', readonly question: number, readonly code: ErrorCode, readonly text: string }

const toHub = ['open', 'publish', 'subscribe', 'unsubscribe', 'request', 'reply', 'round-trip', 'close'] as const
const fromHub = ['got', 'answer', 'status', 'refused'] as const

export function writeToHub (to: MessageWriter, message: ToHub): void {
  to.u8(toHub.indexOf(message.do))
  switch (message.do) {
    case 'open': to.f64(message.bus).text(message.name); return
    case 'publish': to.f64(message.bus).text(message.subject).bytes(message.payload); return
    case 'subscribe': to.f64(message.bus).f64(message.subscription).text(message.subject); return
    case 'unsubscribe': to.f64(message.subscription); return
    case 'request': to.f64(message.bus).f64(message.question).text(message.subject).bytes(message.payload).f64(message.timeoutMs); return
    case 'reply': to.f64(message.to).bytes(message.payload); return
    case 'round-trip': case 'close': to.f64(message.bus).f64(message.question)
  }
}

export function readToHub (from: MessageReader): ToHub {
  const what = toHub[from.u8()]!
  switch (what) {
    case 'open': return { do: what, bus: from.f64(), name: from.text() }
    case 'publish': return { do: what, bus: from.f64(), subject: from.text(), payload: from.bytes() }
    case 'subscribe': return { do: what, bus: from.f64(), subscription: from.f64(), subject: from.text() }
    case 'unsubscribe': return { do: what, subscription: from.f64() }
    case 'request': return { do: what, bus: from.f64(), question: from.f64(), subject: from.text(), payload: from.bytes(), timeoutMs: from.f64() }
    case 'reply': return { do: what, to: from.f64(), payload: from.bytes() }
    case 'round-trip': case 'close': return { do: what, bus: from.f64(), question: from.f64() }
  }
}

/** No question has this number. */
const none = 0

export function writeFromHub (to: MessageWriter, message: FromHub): void {
  to.u8(fromHub.indexOf(message.is))
  switch (message.is) {
    case 'got': to.f64(message.subscription).text(message.subject).bytes(message.payload).f64(message.replyTo ?? none); return
    case 'answer':
      to.f64(message.question)
      if (message.payload !== undefined) to.bytes(message.payload)
      return
    case 'status': to.f64(message.bus).u8(message.isConnected ? 1 : 0); return
    case 'refused': to.f64(message.question).text(message.code).text(message.text)
  }
}

export function readFromHub (from: MessageReader): FromHub {
  const what = fromHub[from.u8()]!
  switch (what) {
    case 'got': return { is: what, subscription: from.f64(), subject: from.text(), payload: from.bytes(), replyTo: asked(from.f64()) }
    case 'answer': return { is: what, question: from.f64(), ...!from.isAtEnd && { payload: from.bytes() } }
    case 'status': return { is: what, bus: from.f64(), isConnected: from.u8() === 1 }
    case 'refused': return { is: what, question: from.f64(), code: from.text() as ErrorCode, text: from.text() }
  }
}

const asked = (number: number): number | undefined => number === none ? undefined : number
