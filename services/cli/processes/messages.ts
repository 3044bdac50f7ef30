/** What the first process of a machine and those that it starts tell each other over Node's own channel, which carries sockets too. */
import type { LogLevel } from '../../../shared/platform/log-levels.js'
import type { Fault } from '../../../shared/platform/settings/fault.js'
import type { AuthSettings } from '../../../shared/platform/settings/settings.js'
import type { SizedSettings } from '../site.js'
import type { HandOverMessage } from './hand-over.js'

export interface WorkerStart {
  readonly settings: SizedSettings
  readonly keys: { readonly secret: string, readonly acceptSecrets: readonly string[], readonly auth: AuthSettings }
  /** Which of the processes, from 1. */
  readonly number: number
  /** The numbers of its nodes, from 1 over all processes. */
  readonly nodes: readonly number[]
  /** That of the Gates, which all of them share. Undefined: none. */
  readonly metricsPort: number | undefined
  readonly logLevel: LogLevel
  /** Undefined: NATS. */
  readonly busPath: string | undefined
  /** Undefined: MongoDB. */
  readonly storePath: string | undefined
  /** Where each of the processes listens for what the others ask it: the first one of all, then by their numbers. */
  readonly paths: readonly string[]
}

/** A node and the socket of the process that it runs in. */
export interface NodePlace { readonly id: string, readonly path: string, readonly process: number }

/** What is handed over with a socket: `read` is all that was read of it, a request first. */
export interface GivenConnection { readonly node: string, readonly read: Uint8Array }

export const withMore = ({ node, read }: GivenConnection, more: Uint8Array): GivenConnection => ({ node, read: more.length === 0 ? read : Buffer.concat([read, more]) })

export type ToWorker =
  /** `isLate`: others serve meanwhile, so that it takes no connection before it is ready. */
  | { readonly do: 'start', readonly start: WorkerStart, readonly isLate: boolean }
  /** `eldest`: the number of the process that has served longest; undefined before the first one does. */
  | { readonly do: 'know', readonly places: readonly NodePlace[], readonly eldest: number | undefined }
  | { readonly do: 'end' }
  | HandOverMessage<GivenConnection>

export type FromWorker =
  /** It hears from now on. */
  | { readonly is: 'here' }
  | { readonly is: 'placed', readonly nodes: readonly string[] }
  | { readonly is: 'ready', readonly url: string }
  /** Its start. `fault`: of a setting, which no retry mends. */
  | { readonly is: 'failed', readonly text: string, readonly fault: Fault | undefined }
  | HandOverMessage<GivenConnection>
