/** Which node, decided from the rings alone: every Gate that knows the same members decides the same. */
import type { NodeId } from '../../shared/contract/names.js'
import type { Ring } from '../../shared/contract/ring.js'

/** The members by how well they are. A draining one is on no ring that users are assigned by, unless nothing but its clock is wrong. */
export interface Rings {
  readonly up: Ring
  readonly suspect: Ring
  readonly clockOff: Ring
  /** Those with a clock that is off too. */
  readonly draining: Ring
  /** Members that cannot reach the store. They keep their users, whose sockets would all move at an outage of the whole store. */
  readonly storeless: ReadonlySet<NodeId>
}

/**
 * The node of a user. `avoid` names nodes that the asker could not reach: the next one on the ring, then a suspect one,
 * then one whose clock is off; and where all are to be avoided, the user's own again, since it is healthy as far as anybody here knows.
 */
export function assignNode ({ up, suspect, clockOff }: Pick<Rings, 'up' | 'suspect' | 'clockOff'>, user: string, avoid: ReadonlySet<string>): NodeId | undefined {
  const assign = (avoid?: ReadonlySet<string>): NodeId | undefined => {
    const options = avoid === undefined ? undefined : { avoid }
    return up.assign(user, options) ?? suspect.assign(user, options) ?? clockOff.assign(user, options)
  }
  return assign(avoid) ?? (avoid.size > 0 ? assign() : undefined)
}

/**
 * Nodes to hand something to, the best first: the one that the ring gives for the name, those after it, then those less well; at last
 * those that cannot reach the store.
 */
export function nodesInTurn ({ up, suspect, draining, storeless }: Rings, name: string, count: number): NodeId[] {
  const nodes = [up, suspect, draining].flatMap(ring => ring.order(name, count + storeless.size))
  if (storeless.size === 0) return nodes.slice(0, count)
  return [...nodes.filter(node => !storeless.has(node)), ...nodes.filter(node => storeless.has(node))].slice(0, count)
}
