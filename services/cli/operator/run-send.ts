import { readSendSettings } from '../../../shared/platform/settings/operator-config.js'
import type { Terminal } from '../command.js'
import { askGate, jsonLine, operate, tokenFor } from './ask-gate.js'

export async function runSend (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readSendSettings(argv, terminal.surroundings)
  const { message, key, from, isJson } = settings
  const token = tokenFor(settings, { sub: from, scope: 'producer' })
  return await operate('send', terminal, async () => {
    const answer = await askGate(settings, token, { method: 'POST', path: '/gate/messages', body: message, headers: key === undefined ? {} : { 'idempotency-key': key } })
    const { id, duplicate } = answer as { id: string, duplicate?: boolean }
    terminal.stdout(isJson ? jsonLine(answer) : `${id}${duplicate === true ? ' (stored before)' : ''}\n`)
  })
}
