/** What shared/contract/ring.ts uses of consistent-hash 1.2, which brings no types of its own. */
declare module 'consistent-hash' {
  export default class ConsistentHash {
    constructor (options: { range: number })
    add (node: string, count: number, points: readonly number[]): this
    get (name: string): string | null
    /** Sorted control points; made from what was added unless they are there already. */
    protected _keys: ArrayLike<number> | null
    /** The index of the control point that a name belongs to. */
    protected _locate (name: string): number
  }
}
