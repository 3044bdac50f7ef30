import { GatepostError, unreachable } from './errors.js'
import type { GateClient } from './gate-client.js'
import { withoutSlash } from './http.js'
import type { Assignment } from './protocol.js'

/** A node that was given, with the user token it was given for. */
export interface Given extends Assignment { readonly token: string }

export interface Assignments {
  /** The last one given; its ticket may have expired meanwhile. */
  current (): Promise<Given>
  /** Asks Gate again. */
  fresh (): Promise<Given>
  /** This node did not answer: for a while Gate is asked for another one. */
  avoid (nodeId: string): void
  forgive (nodeId: string): void
}

const avoidForMs = 30_000
const maxAvoided = 8

export function createAssignments ({ gate, now = Date.now }: { gate: GateClient, now?: () => number }): Assignments {
  const avoided = new Map<string, number>()
  let last: Given | undefined
  let asking: Promise<Given> | undefined

  async function ask (): Promise<Given> {
    try {
      for (const [nodeId, untilMs] of avoided) if (untilMs <= now()) avoided.delete(nodeId)
      try {
        last = await assign()
      } catch (error) {
        // With every node avoided there is none: one that did not answer may have come back.
        if (!(error instanceof GatepostError) || error.code !== 'GP_NO_NODE' || avoided.size === 0) throw error
        avoided.clear()
        last = await assign()
      }
      return last
    } finally { asking = undefined }
  }

  async function assign (): Promise<Given> {
    const query = [...avoided.keys()].map(nodeId => `avoid=${encodeURIComponent(nodeId)}`).join('&')
    const { body, token } = await gate.call(`/gate/assign${query === '' ? '' : `?${query}`}`)
    if (!isAssignment(body)) throw unreachable('Gate', new TypeError('what answered to /gate/assign is not a Gate'))
    return { ...body, node: { ...body.node, url: withoutSlash(body.node.url) }, token }
  }

  const fresh = (): Promise<Given> => (asking ??= ask())

  return {
    current: () => last === undefined ? fresh() : Promise.resolve(last),
    fresh,
    avoid (nodeId) {
      avoided.delete(nodeId)
      avoided.set(nodeId, now() + avoidForMs)
      const oldest = avoided.keys().next().value
      if (avoided.size > maxAvoided && oldest !== undefined) avoided.delete(oldest)
    },
    forgive (nodeId) { avoided.delete(nodeId) }
  }
}

function isAssignment (body: unknown): body is Assignment {
  const { user, node, ticket } = (body ?? {}) as Partial<Assignment>
  return typeof user === 'string' && typeof ticket === 'string' && typeof node?.id === 'string' && typeof node.url === 'string' && (node.path === undefined || typeof node.path === 'string')
}
