/// <reference path="./consistent-hash.d.ts" />
/**
 * The ring: which node a user, or a stream's owner, belongs to. Every process that knows the same members gets the same
 * answer, whatever the order in which it met them.
 *
 * consistent-hash decides where a name lies and which control point is its own. Left to itself it places control
 * points at random, so two Gates would disagree, and clusters similar names when its range is above 2^29. So: range 2^29,
 * control points from a hash of the member's id, 640 for each unit of weight, and names as SHA-1 in hex. The library also
 * sorts again and fills a map of all points at every change, 400 ms for 1,000 nodes; here the points are sorted by where
 * they fall (they are spread evenly), and their owners lie in an array beside them: 25 ms.
 */
import ConsistentHash from 'consistent-hash'
import { hash } from 'node:crypto'
import type { NodeId, StreamId } from './names.js'

export interface RingMember {
  readonly id: NodeId
  /** 1 is the usual share; 0 takes nobody. Above 100 counts as 100. */
  readonly weight: number
}

export interface Ring {
  /** Members that can be given. */
  readonly size: number
  /** The owner of a name, or the next one on the ring that is not to be avoided; undefined when there is none. */
  assign: (name: string, options?: { avoid?: ReadonlySet<string> }) => NodeId | undefined
  /** The owner and those after it on the ring, at most `count`, each once. */
  order: (name: string, count: number) => NodeId[]
  /** Each member's part of the ring; all of them make 1. */
  shares: () => Map<NodeId, number>
  /** The owners of so many places at equal distances, from the ring's beginning on: a picture of it. Empty where there is no member. */
  sample: (count: number) => NodeId[]
}

/** The name under which a stream lies on the ring: a user's own lies where the user's sockets are. */
export const ringName = (stream: StreamId): string => stream.startsWith('u:') ? stream.slice(2) : stream

const rangeBits = 29
const range = 2 ** rangeBits
const pointsPerWeight = 640
const maxWeight = 100

/** In which of `count` equal arcs of the ring, a power of two, a name lies. The arcs are the same whoever the members are. */
export function createArcs (count: number): (name: string) => number {
  const arcs = new PlacedRing(Uint32Array.from({ length: count }, (_, arc) => (arc + 1) * (range / count) - 1))
  return name => arcs.indexOf(name)
}

/** Makes rings, and remembers the control points of the members of the last one: hashing them is most of the work. */
export function createRingBuilder (): (members: readonly RingMember[]) => Ring {
  let remembered = new Map<NodeId, Uint32Array>()
  return members => {
    const used = new Map<NodeId, Uint32Array>()
    // By code unit, as every process does; an id named twice counts once.
    const sorted = [...new Map(members.map(member => [member.id, member])).values()].sort((a, b) => a.id < b.id ? -1 : 1)
    const owners: NodeId[] = []
    const points: Uint32Array[] = []
    for (const { id, weight } of sorted) {
      const count = pointCount(weight)
      if (count === 0) continue
      const known = remembered.get(id)
      const own = known?.length === count ? known : controlPoints(id, count)
      used.set(id, own)
      owners.push(id)
      points.push(own)
    }
    remembered = used
    return ringOf(owners, sortPoints(points))
  }
}

export const createRing = (members: readonly RingMember[]): Ring => createRingBuilder()(members)

const pointCount = (weight: number): number =>
  weight > 0 ? Math.max(1, Math.round(pointsPerWeight * Math.min(weight, maxWeight))) : 0

/** SHA-512 of `id#0`, `id#1`, ...: 16 points each. A larger weight only adds points, so it only takes. */
function controlPoints (id: string, count: number): Uint32Array {
  const points = new Uint32Array(count)
  for (let at = 0, block = 0; at < count; block++) {
    const digest = hash('sha512', `${id}#${block}`, 'buffer')
    for (let offset = 0; offset < 64 && at < count; offset += 4) points[at++] = digest.readUInt32BE(offset) >>> (32 - rangeBits)
  }
  return points
}

interface Placement { readonly positions: Uint32Array, /** By position: the index of its owner. */ readonly ownerAt: Uint32Array }

/** Bucket sort, about one point to a bucket. Where two members have the same point, the later id has it. */
function sortPoints (members: readonly Uint32Array[]): Placement {
  const total = members.reduce((sum, points) => sum + points.length, 0)
  const bucketBits = Math.min(rangeBits, Math.max(1, Math.ceil(Math.log2(total + 1))))
  const shift = rangeBits - bucketBits
  const next = new Uint32Array(2 ** bucketBits + 1)
  for (const points of members) for (const point of points) next[(point >>> shift) + 1]!++
  for (let bucket = 1; bucket < next.length; bucket++) next[bucket]! += next[bucket - 1]!

  const positions = new Uint32Array(total)
  const ownerAt = new Uint32Array(total)
  for (let owner = members.length - 1; owner >= 0; owner--) {
    for (const point of members[owner]!) {
      const at = next[point >>> shift]!++
      positions[at] = point
      ownerAt[at] = owner
    }
  }
  for (let i = 1; i < total; i++) {
    const point = positions[i]!
    const owner = ownerAt[i]!
    let at = i
    for (; at > 0 && positions[at - 1]! > point; at--) {
      positions[at] = positions[at - 1]!
      ownerAt[at] = ownerAt[at - 1]!
    }
    positions[at] = point
    ownerAt[at] = owner
  }
  return { positions, ownerAt }
}

class PlacedRing extends ConsistentHash {
  constructor (positions: Uint32Array) {
    super({ range })
    this._keys = positions
  }

  indexOf (name: string): number { return this._locate(hash('sha1', name)) }
}

function ringOf (owners: readonly NodeId[], { positions, ownerAt }: Placement): Ring {
  const placed = new PlacedRing(positions)
  const total = positions.length

  /** Owners from a name's own point on, each once, until `take` has enough. */
  const walk = (name: string, take: (owner: NodeId) => boolean): void => {
    if (total === 0) return
    const start = placed.indexOf(name)
    const seen = new Set<number>()
    for (let step = 0; step < total && seen.size < owners.length; step++) {
      const owner = ownerAt[(start + step) % total]!
      if (seen.has(owner)) continue
      if (take(owners[owner]!)) return
      seen.add(owner)
    }
  }

  return {
    size: owners.length,
    assign (name, { avoid } = {}) {
      if (total === 0) return undefined
      if (avoid === undefined || avoid.size === 0) return owners[ownerAt[placed.indexOf(name)]!]
      let found: NodeId | undefined
      walk(name, owner => {
        if (avoid.has(owner)) return false
        found = owner
        return true
      })
      return found
    },
    order (name, count) {
      const found: NodeId[] = []
      if (count > 0) walk(name, owner => found.push(owner) >= count)
      return found
    },
    shares () {
      const arcs = new Float64Array(owners.length)
      // A point owns what lies between the one before it and itself; the first also what follows the last.
      for (let i = 0; i < total; i++) arcs[ownerAt[i]!]! += positions[i]! - (i === 0 ? positions[total - 1]! - range : positions[i - 1]!)
      return new Map(owners.map((id, i) => [id, arcs[i]! / range]))
    },
    sample (count) {
      const found: NodeId[] = []
      if (total === 0) return found
      let at = 0
      for (let place = 0; place < count; place++) {
        while (at < total && positions[at]! < (place + 0.5) / count * range) at++
        found.push(owners[ownerAt[at % total]!]!)
      }
      return found
    }
  }
}
