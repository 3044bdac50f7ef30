import { readUserSettings } from '../../../shared/platform/settings/operator-config.js'
import type { Terminal } from '../command.js'
import { askGate, jsonLine, operate, plain, tokenFor } from './ask-gate.js'

interface Presence { readonly online: boolean, readonly sockets: number, readonly nodes: readonly string[] }

export async function runUser (argv: readonly string[], terminal: Terminal): Promise<number> {
  const settings = readUserSettings(argv, terminal.surroundings)
  const { user, isDisconnect, isRevoke, isJson } = settings
  const token = tokenFor(settings, { sub: 'operator', scope: 'admin' })
  const name = encodeURIComponent(user)
  return await operate('user', terminal, async () => {
    const revoked = isRevoke ? await askGate(settings, token, { method: 'PUT', path: `/gate/revocations/user/${name}`, body: {} }) as { before: string } : undefined
    const disconnected = isDisconnect ? await askGate(settings, token, { method: 'POST', path: `/gate/users/${name}/disconnect` }) as { sockets: number } : undefined
    const presence = await askGate(settings, token, { path: `/gate/users/${name}/presence` }) as Presence
    if (isJson) {
      terminal.stdout(jsonLine({ ...presence, ...disconnected !== undefined && { disconnected: disconnected.sockets }, ...revoked !== undefined && { revokedBefore: revoked.before } }))
      return
    }
    if (revoked !== undefined) terminal.stdout(`revoked: what was issued before ${revoked.before} is refused\n`)
    if (disconnected !== undefined) terminal.stdout(`disconnected: ${disconnected.sockets} sockets\n`)
    terminal.stdout(`${plain(user)} is ${presence.online ? `online: ${presence.sockets} sockets on ${presence.nodes.map(plain).join(', ')}` : 'offline'}\n`)
  })
}
