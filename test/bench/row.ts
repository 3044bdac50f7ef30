/** What a row of the comparison is: two contestants that take turns in one run. */

import type { Child } from './child.js'

/** One turn. `cost` is what is compared, in the row's `costIn`. Less is better. */
export interface Measured {
  readonly cost: number
  /** Bytes of TCP to and from the clients for one unit, counted at their sockets; in rows of MongoDB, to and from the database. */
  readonly wireBytes?: number
  /** Beside it, by name: shown, and compared where a row says so. */
  readonly figures?: Readonly<Record<string, number>>
}

export interface Contest {
  readonly ours: () => Promise<Measured>
  readonly baseline: () => Promise<Measured>
  /** As the baseline, with what a user of it would emit: 200 bytes, and nothing that Gatepost adds. */
  readonly bare?: () => Promise<Measured>
  /** What else ran, where that is not always the same: which MongoDB. */
  readonly note?: string
  /** The servers of our side that live through all turns, for a look at where their time goes. */
  readonly servers?: readonly Child[]
  readonly close: () => Promise<void>
}

/** How large a row is: as documented, in a quarter of the time, or just enough to yield figures. */
export type Size = 'full' | 'short' | 'tiny'

export interface Row {
  readonly name: string
  readonly unit: string
  /** What a cost is: µs of server CPU where it is not given. */
  readonly costIn?: 'bytes' | 'ms'
  readonly ours: string
  readonly baseline: string
  /** `rate`: units for the same cost, ours against the baseline's. `cost`: the cost of one, the same way round. `own`: our cost, whatever the baseline's. */
  readonly reach: { readonly kind: 'rate', readonly atLeast: number } | { readonly kind: 'cost' | 'own', readonly atMost: number }
  /** Of rows with a bare side: units for the same cost, ours against its. */
  readonly reachBare?: number
  /** Each turn has servers of its own, so there is nothing to warm up. */
  readonly isFreshEachTurn?: true
  /** The same program as another row with other numbers: that one stands for it where only the program is tried. */
  readonly variantOf?: string
  /** Figures that may not be worse than the baseline's. */
  readonly noWorse?: readonly string[]
  /** What it needs that is not there; undefined where it can run. */
  readonly missing?: () => Promise<string | undefined>
  readonly prepare: (size: Size) => Promise<Contest>
}

export const sized = (size: Size, full: number, tiny: number): number => size === 'full' ? full : size === 'short' ? Math.max(tiny, Math.ceil(full / 4)) : tiny
/** Sockets and stores stay as large as documented, short or not: the cost depends on them. */
export const populated = (size: Size, full: number, tiny: number): number => size === 'tiny' ? tiny : full
