/**
 * The other Gates. Every few seconds each Gate tells the same node of itself (the one that the ring gives for a fixed name), and the answer
 * names all that did so lately. NATS lets a Gate publish nothing else, and a heartbeat of each Gate to all would tell nodes
 * what they have no use for (docs/adr/0027-gates-meet-at-a-node.md). A node of version 0.1 knows no such question: the next one is asked.
 */
import { GatepostError } from '../../../shared/contract/errors.js'
import { askNode, type GateAnnouncement, type SeenGate } from '../../../shared/contract/node-rpc.js'
import type { Dispatch } from '../../dispatch/dispatch.js'
import { nodesInTurn, type Rings } from '../assignment.js'

export interface FellowGates {
  /** This one too, with what it tells of itself now. */
  list: () => readonly SeenGate[]
  /** Tells of itself and hears of the others; they stay as they were where no node answers. */
  meet: () => Promise<void>
}

export interface FellowGatesOptions {
  readonly own: () => GateAnnouncement
  readonly dispatch: Pick<Dispatch, 'ask'>
  readonly rings: () => Rings
  readonly elapsed: () => number
}

const meetingPlace = 'gates'
const maxAsked = 3
const askMs = 1_000
/** Who is not heard of for so long is gone. */
const forgetMs = 20_000

export function createFellowGates ({ own, dispatch, rings, elapsed }: FellowGatesOptions): FellowGates {
  let others: readonly SeenGate[] = []
  let heardAtMs = 0
  return {
    list: () => {
      const sinceMs = elapsed() - heardAtMs
      const known = others.map(gate => ({ ...gate, agoMs: gate.agoMs + sinceMs })).filter(({ agoMs }) => agoMs < forgetMs)
      return [{ ...own(), agoMs: 0 }, ...known]
    },
    async meet () {
      const self = own()
      for (const node of nodesInTurn(rings(), meetingPlace, maxAsked)) {
        try {
          const { gates } = await askNode(dispatch, node, 'announce-gate', self, askMs)
          others = gates.filter(({ id }) => id !== self.id)
          heardAtMs = elapsed()
          return
        } catch (error) {
          if (!(error instanceof GatepostError)) throw error
        }
      }
    }
  }
}
