/** What sockets of either form are sent, as entries of form 1. */
import { expandBurst, expandSync, type Burst, type CompactSync } from '../../clients/compact.js'
import { createCompactForm, wholeForm, type EntryForm } from '../../services/notifications/log/entry-form.js'
import type { SyncAnswer } from '../../services/notifications/realtime/sync-page.js'
import { dayMs } from './entry-drafts.js'

const ready = { ttl: 30 * dayMs / 1000 }
export const compactForm = createCompactForm(ready.ttl * 1000)
export const forms: readonly EntryForm[] = [wholeForm, compactForm]

/** The arguments of an `entries` event. */
export const entriesIn = (args: readonly unknown[]): object[] => args.length === 1 ? args[0] as object[] : expandBurst(args as unknown as Burst, ready)

export const entriesOfAnswer = (answer: SyncAnswer): readonly object[] => answer.bursts === undefined ? answer.entries as object[] : expandSync(answer as unknown as CompactSync, ready).entries
