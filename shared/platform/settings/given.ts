import type { Origin } from './fault.js'

/** The text of a setting, and where it was found. */
export interface Given {
  readonly text: string
  readonly origin: Origin
  /** The setting of the file that holds the text, where it is one. */
  readonly form?: string
}
