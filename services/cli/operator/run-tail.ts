/** `gatepost tail`: a socket of the user's, followed over reassignments and broken connections. */
import { setTimeout as pause } from 'node:timers/promises'
import { readTailSettings, type TailSettings } from '../../../shared/platform/settings/operator-config.js'
import { openRawSocket } from '../bench/raw-socket.js'
import type { Terminal } from '../command.js'
import { askGate, jsonLine, operate, plain, tokenFor } from './ask-gate.js'

interface Entry {
  readonly type?: string
  readonly stream?: string
  readonly seq?: number
  readonly createdAt?: string
  readonly category?: string
  readonly title?: string | null
  readonly body?: string | null
  readonly from?: { readonly user?: string, readonly producer?: string }
}

const userTokenMs = 3_600_000
const retryMs = 1_000
/** The longest that a timer takes. */
const foreverMs = 2 ** 31 - 1

export async function runTail (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readTailSettings(argv, terminal.surroundings)
  const ended = new AbortController()
  process.once('SIGINT', () => { ended.abort() })
  process.once('SIGTERM', () => { ended.abort() })
  return await operate('tail', terminal, async () => {
    const cursors = new Map<string, number>()
    let isFirst = true
    while (!ended.signal.aborted) {
      try {
        await follow(settings, terminal, cursors, ended.signal)
      } catch (error) {
        // What is wrong at once stays wrong; what breaks later may heal.
        if (isFirst) throw error
        terminal.stderr(`tail: ${(error as Error).message}; tried again\n`)
      }
      isFirst = false
      await pause(retryMs, undefined, { signal: ended.signal }).catch(() => {})
    }
  })
}

/** Until the connection ends, or is to go to another node. */
async function follow (settings: TailSettings, { stdout, stderr }: Terminal, cursors: Map<string, number>, signal: AbortSignal): Promise<void> {
  const { user, groups, topics, rules, isJson } = settings
  const token = tokenFor(settings, { sub: user, scope: 'user', ttlMs: userTokenMs, groups, rules })
  const { node, ticket } = await askGate(settings, token, { path: '/gate/assign' }) as { node: { id: string, url: string }, ticket: string }
  const over = new AbortController()
  const socket = await openRawSocket({
    url: node.url,
    auth: { form: 1, ticket, ...cursors.size > 0 && { cursors: Object.fromEntries(cursors) }, ...topics.length > 0 && { topics } },
    onEvent: (event, json) => {
      if (event === 'ready') {
        const { heads } = JSON.parse(json) as { heads: Record<string, number> }
        for (const [stream, head] of Object.entries(heads)) if (!cursors.has(stream)) cursors.set(stream, head)
        stderr(`tail: ${plain(user)} at ${node.id}\n`)
      } else if (event === 'entries') {
        for (const entry of JSON.parse(json) as Entry[]) if (isNew(entry, cursors)) stdout(isJson ? jsonLine(entry) : lineOf(entry))
      } else if (event === 'reassign' || event === 'behind') over.abort()
    },
    onClosed: () => { over.abort() }
  })
  await pause(foreverMs, undefined, { signal: AbortSignal.any([over.signal, signal]) }).catch(() => {})
  socket.close()
}

function isNew ({ stream, seq }: Entry, cursors: Map<string, number>): boolean {
  if (stream === undefined || seq === undefined) return true
  if (seq <= (cursors.get(stream) ?? 0)) return false
  cursors.set(stream, seq)
  return true
}

function lineOf (entry: Entry): string {
  const { type = 'volatile', stream = '-', seq = 0, createdAt = '', category = '', title, body, from } = entry
  const sender = from?.producer ?? from?.user ?? ''
  return `${[createdAt, type, stream, seq, category, sender, [title, body].filter(text => text != null).join(': ')].map(plain).join('  ')}\n`
}
