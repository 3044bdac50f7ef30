/** How a node is reached: by a port of its own, or by a path on one that it shares. */
import type { NodeId } from '../../../shared/contract/names.js'
import type { App } from '../../../shared/platform/http/create-app.js'
import { listenOn } from '../../../shared/platform/http/listen.js'
import { pathOf } from '../../../shared/platform/settings/addresses.js'
import { acceptUnder, type Mounts } from '../../../shared/platform/http/mounts.js'

export interface DoorOptions {
  readonly id: NodeId
  readonly app: App
  /** Where the node takes WebSockets. */
  readonly webSocketPath: string
  readonly host: string
  readonly port: number
  /** For clients, without a slash at its end; undefined: where it listens. */
  readonly publicUrl?: string | undefined
  /** The shared port: its address, and that by which clients reach it. */
  readonly mountAt?: { readonly mounts: Mounts, readonly url: string, readonly publicUrl: string } | undefined
}

export interface Door {
  readonly url: string
  /** For clients. */
  readonly publicUrl: string
  /** Takes nothing new from a shared port, and waits for what is under way; a port of its own is closed with the application. */
  readonly close: () => Promise<void>
}

export async function openDoor ({ id, app, webSocketPath, host, port, publicUrl, mountAt }: DoorOptions): Promise<Door> {
  if (mountAt === undefined) {
    if (publicUrl !== undefined) acceptUnder(app.server, pathOf(publicUrl))
    const url = await listenOn(app, { host, port })
    return { url, publicUrl: publicUrl ?? url, close: async () => {} }
  }
  await app.ready()
  const { path, close } = mountAt.mounts.mount(id, app.server, webSocketPath)
  return { url: `${mountAt.url}${path}`, publicUrl: `${mountAt.publicUrl}${path}`, close }
}
