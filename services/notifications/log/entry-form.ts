/**
 * The forms in which a socket can have its entries (docs/protocol.md "Handshake"): 1 whole, 2 compact. What many readers are sent is written once
 * in each form that they have. Lists and single messages by REST are of form 1 alone.
 */
import type { StreamId } from '../../../shared/contract/names.js'
import type { EntryDoc } from '../../../shared/store/store.js'
import { parseChange, shownPart } from './change.js'
import { compactText, compactVolatile } from './compact-entry.js'
import { erasedText, goneWire, placedWire, untouched, type Flags } from './entry.js'

/** JSON texts of entries of one stream, in order, the first of which follows `prev`. */
export interface Burst {
  readonly stream: StreamId
  readonly prev: number
  readonly wires: readonly string[]
}

/** Entries of all streams: in form 1 by themselves, in form 2 by stream. */
export interface PageOfForm { readonly entries?: readonly unknown[], readonly bursts?: readonly unknown[] }

export interface EntryForm {
  /** What `ready` says of it. */
  readonly inReady: object
  /** The JSON text of an entry for a reader who should have `prev` before it. */
  readonly entry: (doc: EntryDoc, stream: StreamId, prev: number, flags?: Flags) => string
  /** The same of what the reader cannot have any more: all after `prev` up to `seq`. */
  readonly gone: (stream: StreamId, prev: number, seq: number) => string
  /** The JSON text of the arguments of an `entries` event. */
  readonly burst: (burst: Burst) => string
  /** The same of a volatile message, given in form 1. */
  readonly volatile: (wire: string) => string
  /** What a `sync` is answered, but for `heads` and `more`; as objects, since Socket.IO writes the acknowledgement. */
  readonly page: (bursts: readonly Burst[]) => PageOfForm
}

export const wholeForm: EntryForm = {
  inReady: {},
  entry: placedWire,
  gone: goneWire,
  burst: ({ wires }) => `[${wires.join(',')}]`,
  volatile: wire => `[${wire}]`,
  page: bursts => ({ entries: JSON.parse(`[${bursts.flatMap(({ wires }) => wires).join(',')}]`) as unknown[] })
}

/** `retentionMs`: how long a message lives that says nothing of it. */
export function createCompactForm (retentionMs: number): EntryForm {
  const lifeSeconds = retentionMs / 1000
  const burst = ({ stream, prev, wires }: Burst): string => `${JSON.stringify(stream)},${prev},[${wires.join(',')}]`
  return {
    inReady: { form: 2, ttl: lifeSeconds },
    entry: (doc, stream, prev, flags = untouched) => {
      if (doc.kind === 'log') return compactGone(prev, doc.seq)
      if (doc.kind === 'change') return JSON.stringify({ type: 'change', step: doc.seq - prev, ...prev === 0 && { prev }, ...shownPart(parseChange(doc)) })
      const text = compactText(doc.recalled > 0 ? erasedText(doc) : doc.text, doc.id, stream, lifeSeconds)
      if (text === undefined) return placedWire(doc, stream, prev, flags)
      const isOwnCopy = doc.boxes !== 'inbox'
      return `{${stepText(prev, doc.seq)},"id":"${doc.id}"${text}${flags.read && !isOwnCopy ? ',"read":true' : ''}${flags.archived ? ',"archived":true' : ''}` +
        `${doc.recalled > 0 ? ',"recalled":true' : ''}${flags.acted === undefined ? '' : `,"acted":${JSON.stringify(flags.acted)}`}}`
    },
    gone: (_stream, prev, seq) => compactGone(prev, seq),
    burst,
    volatile: wire => `null,0,[${compactVolatile(wire)}]`,
    page: bursts => ({ bursts: bursts.map(one => JSON.parse(`[${burst(one)}]`) as unknown) })
  }
}

/** A `prev` that is not said is the entry before, or that of the burst. 0 is a new beginning, wherever it comes. */
const stepText = (prev: number, seq: number): string => prev === 0 ? `"step":${seq},"prev":0` : `"step":${seq - prev}`
const compactGone = (prev: number, seq: number): string => `{"type":"gone",${stepText(prev, seq)}}`
