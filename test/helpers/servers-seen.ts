/** Which servers the tests ran against, for the last lines of a run: scripts/test.js names the file and reads it. */
import { appendFileSync } from 'node:fs'

export interface ServerSeen { readonly name: string, readonly version: string, readonly cannotShow: readonly string[] }

export function noteServer (server: ServerSeen): void {
  const file = process.env['GATEPOST_TEST_SERVERS_FILE']
  if (file !== undefined) appendFileSync(file, JSON.stringify(server) + '\n')
}
