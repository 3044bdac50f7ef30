/** What a process of a machine and the one that has the bus (machine-hub.ts) tell each other. Numbers are the asking process's own. */
import type { ErrorCode } from '../../../shared/contract/errors.js'

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
