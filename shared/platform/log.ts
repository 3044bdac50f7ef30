/**
 * The log: one structured line per event with ids, never payloads or secrets. JSON lines on stdout, pretty on a
 * terminal. ERROR = someone must act; WARN = healed itself; INFO = lifecycle and members; DEBUG = per message.
 */
import { pino, type Logger } from 'pino'
import { isColorSupported, prettyFactory } from 'pino-pretty'
import type { LogLevel } from './log-levels.js'
import { openPipe } from './log-pipe.js'

export type Log = Logger

export interface LogOptions {
  level: LogLevel
  /** Pretty lines instead of JSON; by default where stdout is a terminal. */
  isPretty?: boolean
  /** Where lines go instead of stdout. */
  destination?: { write: (line: string) => void }
  /** Texts that must never appear, whatever field or message they slip into. */
  secrets?: readonly string[]
}

const secretFields = ['secret', 'authorization', 'cookie', 'ticket', 'token', 'password']

/** `gatepost` logs through this and its children only; writes are synchronous, so a fatal line is out before the exit (but see log-pipe.ts). */
export function createLog ({ level, isPretty = process.stdout.isTTY, destination, secrets = [] }: LogOptions): Log {
  const out = destination ?? openPipe(1) ?? pino.destination({ fd: 1, sync: true })
  const stream = isPretty ? prettyTo(out) : out
  return pino({
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
    redact: {
      paths: secretFields.flatMap(field => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[redacted]'
    },
    hooks: { streamWrite: createScrubber(secrets) }
  }, stream)
}

/** Prettified in the same turn: through pino-pretty's own stream the last lines before an exit would be lost. */
function prettyTo (out: { write: (line: string) => unknown }): { write: (line: string) => void } {
  const prettify = prettyFactory({ colorize: isColorSupported, ignore: 'pid', translateTime: 'SYS:HH:MM:ss.l' })
  return { write: line => { out.write(prettify(line)) } }
}

/** For tests and tools that want a Log and no lines. */
export const createSilentLog = (): Log => pino({ level: 'silent' })

/** Field names cannot tell everything: errors of drivers carry addresses with passwords, and tokens, in their text. */
function createScrubber (secrets: readonly string[]): (line: string) => string {
  const tokens = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g
  const credentials = /([a-z][a-z0-9+]{1,15}:\/\/)[^\s/?#@"\\]+@/gi
  // As they look inside a JSON string.
  const literals = secrets.filter(secret => secret !== '').map(secret => JSON.stringify(secret).slice(1, -1))
  return line => {
    let text = line.replace(tokens, '[redacted]').replace(credentials, '$1[redacted]@')
    for (const literal of literals) text = text.replaceAll(literal, '[redacted]')
    return text
  }
}
